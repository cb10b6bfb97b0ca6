package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/pbxevents"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// captures is the receiver in the words of web.
type captures struct{ receiver *pbxevents.Receiver }

func (c captures) Capture(ctx context.Context, tenant screenpop.Tenant, lasting time.Duration, began func(screenpop.Tenant) error, each func(any) error) error {
	tenant, err := c.meant(tenant)
	if err != nil {
		return err
	}
	err = c.receiver.Capture(ctx, tenant, pbxevents.CaptureLimits{For: lasting, Began: func() error { return began(tenant) }},
		func(e pbxevents.Captured) error { return each(e) })
	switch {
	case errors.Is(err, pbxevents.ErrNoTenant):
		return c.noTenant(tenant)
	case errors.Is(err, pbxevents.ErrManyCaptures):
		return captureProblem{http.StatusConflict, err.Error()}
	}
	return err
}

// meant is the tenant that is named, or the only one there is.
func (c captures) meant(tenant screenpop.Tenant) (screenpop.Tenant, error) {
	if tenant != "" {
		return tenant, nil
	}
	tenants := c.receiver.Tenants()
	if len(tenants) != 1 {
		return "", captureProblem{http.StatusBadRequest, "several tenants are configured: name one with --tenant: " + c.domains()}
	}
	return tenants[0], nil
}

func (c captures) noTenant(tenant screenpop.Tenant) error {
	return captureProblem{http.StatusNotFound, fmt.Sprintf("there is no tenant %q; configured: %s", tenant, c.domains())}
}

func (c captures) domains() string {
	var list []string
	for _, t := range c.receiver.Tenants() {
		list = append(list, string(t))
	}
	return strings.Join(list, ", ")
}

// captureProblem is why nothing can be shown.
type captureProblem struct {
	status   int
	sentence string
}

func (p captureProblem) Error() string                 { return p.sentence }
func (p captureProblem) CaptureProblem() (int, string) { return p.status, p.sentence }
