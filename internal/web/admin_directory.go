package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/smokepop/smokepop/internal/audit"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// Directories tells how the tenants' directories are, and reads PBXs on demand.
// An empty tenant stands for all. An error that is a [DirectoryProblem] is told
// to the admin in its own words.
type Directories interface {
	// Reports returns a value for each tenant, to be written as JSON.
	Reports(tenant screenpop.Tenant) []any
	// Refresh returns when the PBXs have been read, whatever came of it, or
	// with ctx's error while that goes on.
	Refresh(ctx context.Context, tenant screenpop.Tenant) error
}

// DirectoryProblem is an error of [Directories] that says how it looks from
// outside.
type DirectoryProblem interface {
	error
	DirectoryProblem() (status int, sentence string)
}

// refreshPatience is how long a command waits for PBXs to be read. It is
// shorter than what the command waits for the daemon.
const refreshPatience = 20 * time.Second

func (s *Server) adminDirectory(w http.ResponseWriter, r *http.Request) error {
	tenant, _ := named(r)
	list := s.reports(reachIn(r.Context()), tenant)
	if len(list) == 0 && tenant != "" {
		return refuse(http.StatusNotFound, fmt.Sprintf("there is no tenant %q", tenant))
	}
	return writeJSON(w, map[string]any{"directories": list})
}

// reports are those of one tenant, or of all that are seen.
func (s *Server) reports(seen reach, tenant screenpop.Tenant) []any {
	list := []any{}
	for _, t := range seen.named(tenant) {
		list = append(list, s.directories.Reports(t)...)
	}
	return list
}

// refresh has the PBX of one tenant read, or of all that are seen. That one of
// several has none is no error.
func (s *Server) refresh(ctx context.Context, seen reach, tenant screenpop.Tenant) error {
	var errs []error
	var none error
	read := false
	for _, t := range seen.named(tenant) {
		err := s.directories.Refresh(ctx, t)
		var known DirectoryProblem
		if errors.As(err, &known) {
			none = err
			continue
		}
		read = true
		errs = append(errs, err)
	}
	if !read {
		return none
	}
	return errors.Join(errs...)
}

func (s *Server) adminRefresh(w http.ResponseWriter, r *http.Request) error {
	tenant, _ := named(r)
	ctx, cancel := context.WithTimeout(r.Context(), refreshPatience)
	defer cancel()
	seen := reachIn(r.Context())
	if !seen.sees(tenant) && tenant != "" {
		return refuse(http.StatusNotFound, fmt.Sprintf("there is no tenant %q", tenant))
	}
	err := s.refresh(ctx, seen, tenant)
	var known DirectoryProblem
	underWay := errors.Is(err, context.DeadlineExceeded)
	switch {
	case err == nil:
	case underWay:
		err = nil
	case errors.As(err, &known):
		err = refuse(known.DirectoryProblem())
	default:
		err = failed("read the directory", err)
	}
	s.record(r, commanding(r), audit.DirectoryRefresh{Tenant: tenant}, err)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"directories": s.reports(seen, tenant), "under_way": underWay})
}
