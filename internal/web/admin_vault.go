package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/smokepop/smokepop/internal/audit"
)

// KeyReport is how the store is sealed.
type KeyReport struct {
	StateDir string   `json:"state_dir"` // as the daemon sees it
	KeyFile  string   `json:"key_file"`  // where the daemon reads its keys
	Keys     []KeyUse `json:"keys"`      // the sealing one first
	// Settled: whatever can be read is sealed with the first key, and the
	// store opens without the others.
	Settled bool `json:"settled"`
	// Unreadable are the paths of records that no key opens.
	Unreadable []string `json:"unreadable"`
	// Problem is why the last attempt to seal everything with the first key has
	// failed; empty when it has not.
	Problem string `json:"problem,omitempty"`
}

// KeyUse is what one key is good for.
type KeyUse struct {
	ID      string `json:"id"`
	Use     string `json:"use"` // seals, opens
	Records int    `json:"records"`
}

// What the answer to a backup says in its header.
const (
	HeaderBackupRecords = "Smokepop-Backup-Records"
	HeaderBackupLeftOut = "Smokepop-Backup-Left-Out"
)

// VaultProblem is an error of [Vault] that says how it looks from outside.
type VaultProblem interface {
	error
	VaultProblem() (status int, sentence string)
}

func (s *Server) adminKeys(w http.ResponseWriter, r *http.Request) error {
	report, err := s.vault.Keys(r.Context())
	if err != nil {
		return vaultError("look at the keys", err)
	}
	return writeJSON(w, report)
}

// adminRotate lets the daemon read its key file again. The work it begins goes
// on after the answer.
func (s *Server) adminRotate(w http.ResponseWriter, r *http.Request) error {
	report, err := s.vault.Rotate(r.Context())
	event := audit.KeyRotation{Step: "read"}
	for _, k := range report.Keys {
		event.Keys = append(event.Keys, k.ID)
	}
	if err != nil {
		err = vaultError("read the key file again", err)
	}
	s.record(r, commanding(r), event, err)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

// adminBackup sends a backup. One that breaks off lacks the end that makes it
// a backup, and the connection is cut so that the client sees it at once.
func (s *Server) adminBackup(w http.ResponseWriter, r *http.Request) error {
	backup, err := s.vault.Backup(r.Context())
	if err != nil {
		err = vaultError("take a backup", err)
		s.record(r, commanding(r), audit.Backup{}, err)
		return err
	}
	records, leftOut := backup.Counts()
	event := audit.Backup{Records: records, LeftOut: leftOut}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set(HeaderBackupRecords, strconv.Itoa(records))
	w.Header().Set(HeaderBackupLeftOut, strconv.Itoa(leftOut))
	if err := backup.Write(w); err != nil {
		s.log.Warn("a backup was broken off", "request_id", requestID(r.Context()), "err", err)
		s.record(r, commanding(r), event, err)
		panic(http.ErrAbortHandler)
	}
	s.record(r, commanding(r), event, nil)
	return nil
}

// vaultError lets a VaultProblem speak for itself.
func vaultError(doing string, err error) error {
	var vp VaultProblem
	if !errors.As(err, &vp) {
		return failed(doing, err)
	}
	status, sentence := vp.VaultProblem()
	return &HTTPError{Status: status, Msg: sentence, Err: fmt.Errorf("%s: %w", doing, err)}
}

// Backup is a moment of the store, held in memory.
type Backup interface {
	// Counts tells how many records are in it, and how many are left out
	// because no key opens them.
	Counts() (records, leftOut int)
	// Write writes the backup file.
	Write(w io.Writer) error
}
