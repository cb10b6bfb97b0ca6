package daemon

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/vault"
	"github.com/smokepop/smokepop/internal/web"
)

// resealAgain is how long after a failure, such as a full disk, the records
// that are left are sealed with the first key.
const resealAgain = time.Minute

// caretaker looks after the store's keys while it is in use, and is the store
// in the words of the admin API.
type caretaker struct {
	store             *vault.Store
	keyFile, stateDir string
	log               *slog.Logger
	audit             audit.Recorder
	wake              chan struct{} // holds one token while there may be something to seal

	mu      sync.Mutex
	problem string // of the last attempt
}

func newCaretaker(store *vault.Store, keyFile, stateDir string, record audit.Recorder, log *slog.Logger) *caretaker {
	return &caretaker{store: store, keyFile: keyFile, stateDir: stateDir, audit: record, log: log, wake: make(chan struct{}, 1)}
}

// Run seals what is sealed with another key than the first, at the start and
// whenever the keys have changed, until ctx ends. Stopped in the middle, it
// goes on at the next start.
func (c *caretaker) Run(ctx context.Context) error {
	for {
		var again <-chan time.Time
		if err := c.reseal(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("not everything could be sealed with the first key; trying again in a minute", "err", err)
			again = time.After(resealAgain)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-again:
		}
	}
}

func (c *caretaker) reseal(ctx context.Context) error {
	use, err := c.store.KeyUse(ctx)
	if err == nil && !use.Settled() {
		c.log.Info("sealing everything with the first key", "key", use.IDs[0])
		if use, err = c.store.Reseal(ctx); err == nil {
			c.log.Info("everything is sealed with the first key", "key", use.IDs[0], "records", use.Records[use.IDs[0]])
			c.audit.Record(ctx, audit.Entry{
				By: audit.ByItself(audit.ActorDaemon), Event: audit.KeyRotation{Step: "sealed", Keys: use.IDs, Records: use.Records[use.IDs[0]]},
			})
		}
	}
	if len(use.Unreadable) > 0 {
		c.log.Warn("there are records that no key opens; the agents concerned have to pair again", "records", len(use.Unreadable))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problem = ""
	if err != nil {
		c.problem = err.Error()
	}
	return err
}

func (c *caretaker) Keys(ctx context.Context) (web.KeyReport, error) {
	use, err := c.store.KeyUse(ctx)
	if err != nil {
		return web.KeyReport{}, vaultProblem(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	report := web.KeyReport{
		StateDir: c.stateDir, KeyFile: c.keyFile, Settled: use.Settled(), Problem: c.problem,
		Unreadable: append([]string{}, use.Unreadable...),
	}
	for i, id := range use.IDs {
		key := web.KeyUse{ID: id, Use: "opens", Records: use.Records[id]}
		if i == 0 {
			key.Use = "seals"
		}
		report.Keys = append(report.Keys, key)
	}
	return report, nil
}

func (c *caretaker) Rotate(ctx context.Context) (web.KeyReport, error) {
	keys, err := vault.LoadKeys(c.keyFile)
	if err == nil {
		err = c.store.UseKeys(ctx, keys)
	}
	if err != nil {
		return web.KeyReport{}, vaultProblem(err)
	}
	c.mu.Lock()
	c.problem = "" // of an attempt with the keys before
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // it is going to look anyway
	}
	return c.Keys(ctx)
}

func (c *caretaker) Backup(ctx context.Context) (web.Backup, error) {
	b, err := c.store.Backup(ctx)
	if err != nil {
		return nil, vaultProblem(err)
	}
	return backup{b}, nil
}

// backup is a backup in the words of web.
type backup struct{ *vault.Backup }

func (b backup) Counts() (records, leftOut int) { return b.Records(), len(b.LeftOut) }

// trouble is why the vault could not, as the admin is told.
type trouble struct{ error }

func (t trouble) Unwrap() error { return t.error }

func (t trouble) VaultProblem() (int, string) {
	if errors.Is(t, vault.ErrAway) {
		return http.StatusServiceUnavailable, t.Error()
	}
	return http.StatusConflict, t.Error()
}

// vaultProblem lets the vault's own reasons through: they are written for the
// admin and hold nothing secret.
func vaultProblem(err error) error {
	for _, known := range []error{
		vault.ErrWrongKey, vault.ErrNoKey, vault.ErrExposed, vault.ErrDamaged, vault.ErrClosed, vault.ErrNewerSchema, vault.ErrNoSnapshot,
		vault.ErrAway, fs.ErrPermission,
	} {
		if errors.Is(err, known) {
			return trouble{err}
		}
	}
	return err
}
