package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/smokepop/smokepop/internal/directory"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/tokens"
)

// directories is the directory in the words of web's admin API.
type directories struct {
	directory *directory.Directory
	keeper    *tokens.Keeper
}

// DirectoryReport is a tenant's directory as the admin API tells of it.
type DirectoryReport struct {
	directory.Report
	// PairedGone are extensions with a pairing that no agent has any more.
	PairedGone []screenpop.Extension `json:"paired_gone"`
}

func (d directories) Reports(tenant screenpop.Tenant) []any {
	paired := d.keeper.Paired()
	list := []any{}
	for _, r := range d.directory.Reports() {
		if tenant != "" && r.Tenant != tenant {
			continue
		}
		one := DirectoryReport{Report: r, PairedGone: []screenpop.Extension{}}
		for _, id := range paired {
			if id.Tenant != r.Tenant {
				continue
			}
			if _, known := d.directory.Agent(id); !known {
				one.PairedGone = append(one.PairedGone, id.Extension)
			}
		}
		list = append(list, one)
	}
	return list
}

func (d directories) Refresh(ctx context.Context, tenant screenpop.Tenant) error {
	var tenants []screenpop.Tenant
	for _, r := range d.directory.Reports() {
		if r.PBX != nil && (tenant == "" || r.Tenant == tenant) {
			tenants = append(tenants, r.Tenant)
		}
	}
	if len(tenants) == 0 {
		return directoryProblem{http.StatusNotFound, whoIsMissing(tenant)}
	}
	err := refreshDirectory(ctx, d.directory, tenants)
	if errors.Is(err, directory.ErrStopped) {
		return directoryProblem{http.StatusServiceUnavailable, "The daemon is stopping."}
	}
	return err
}

func whoIsMissing(tenant screenpop.Tenant) string {
	if tenant == "" {
		return "There is no PBX to be read: no tenant has pbx.api.url."
	}
	return fmt.Sprintf("There is no PBX of tenant %q to be read: it is not configured, or without pbx.api.url.", tenant)
}

// directoryProblem is why nothing can be read.
type directoryProblem struct {
	status   int
	sentence string
}

func (p directoryProblem) Error() string                   { return p.sentence }
func (p directoryProblem) DirectoryProblem() (int, string) { return p.status, p.sentence }
