package daemon

import (
	"fmt"
	"log/slog"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd, where it listens, how the daemon stands.
func notify(log *slog.Logger, state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		log.Warn("could not tell systemd", "state", state, "error", err)
	}
}

// notifyReloading says that the configuration is being reloaded, until READY=1.
// systemd 253 and newer want to know since when.
func notifyReloading() string {
	if at, ok := monotonic(); ok {
		return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, at.Microseconds())
	}
	return sd.SdNotifyReloading
}

const (
	notifyReady    = sd.SdNotifyReady
	notifyStopping = sd.SdNotifyStopping
)
