package daemon

import (
	"log/slog"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd, where it listens, how the daemon stands.
func notify(log *slog.Logger, state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		log.Warn("could not tell systemd", "state", state, "error", err)
	}
}

const (
	notifyReady    = sd.SdNotifyReady
	notifyStopping = sd.SdNotifyStopping
)
