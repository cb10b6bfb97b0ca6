package daemon

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/push"
	"github.com/smokepop/smokepop/internal/screenpop"
	"github.com/smokepop/smokepop/internal/vodia"
	"github.com/smokepop/smokepop/internal/web"
)

// dialler is the hub and the PBXs in the words of web's Dialler.
type dialler struct {
	hub   *push.Hub
	pbxes *pbxes
	ways  atomic.Pointer[map[screenpop.Tenant]web.DialWay]
}

func newDialler(hub *push.Hub, pbxes *pbxes) *dialler { return &dialler{hub: hub, pbxes: pbxes} }

// set takes in how each tenant dials.
func (d *dialler) set(tenants []config.Tenant) {
	ways := make(map[screenpop.Tenant]web.DialWay, len(tenants))
	for _, t := range tenants {
		switch {
		case t.PBX.DialByPBX() && d.pbxes.of(t.Domain) != nil:
			ways[t.Domain] = web.DialByPBX
		case t.PBX.TelLinks():
			ways[t.Domain] = web.DialByTel
		default:
			ways[t.Domain] = web.DialOff
		}
	}
	d.ways.Store(&ways)
}

func (d *dialler) Way(t screenpop.Tenant) web.DialWay { return (*d.ways.Load())[t] }

func (d *dialler) Shown(agent screenpop.AgentID, popID, number string) bool {
	return d.hub.Shown(agent, popID, number)
}

// Dial hands the number on in its canonical form, with the plus where it has a
// country code: the one form that means the same on every PBX, whose own
// country code makes of it what the trunk wants.
func (d *dialler) Dial(ctx context.Context, agent screenpop.AgentID, number string) error {
	pbx := d.pbxes.of(agent.Tenant)
	if pbx == nil {
		return dialProblem{http.StatusBadGateway, "smokepop cannot reach your PBX any more. Dial by hand.", errors.New("no client of the PBX of " + string(agent.Tenant))}
	}
	err := pbx.Dial(ctx, string(agent.Extension), number)
	if err == nil {
		return nil
	}
	p := dialProblem{http.StatusBadGateway, "The PBX did not take the call. Dial by hand, and tell your administrator if it stays so.", err}
	var failure *vodia.Error
	if !errors.As(err, &failure) {
		return p
	}
	switch failure.Kind {
	case vodia.Timeout:
		p.status, p.sentence = http.StatusGatewayTimeout, "The PBX did not answer in time. Dial by hand unless your phone rings."
	case vodia.Unreachable, vodia.Untrusted, vodia.NotAPBX:
		p.sentence = "The PBX cannot be reached. Dial by hand unless your phone rings, and tell your administrator."
	case vodia.BadCredentials:
		p.sentence = "The PBX does not let smokepop in, so nothing was dialled. Dial by hand, and tell your administrator."
	case vodia.Forbidden:
		p.sentence = "The PBX does not let smokepop dial for your extension. Dial by hand, and tell your administrator."
	case vodia.NotFound:
		p.sentence = "The PBX does not know your extension, or cannot dial for it. Dial by hand, and tell your administrator."
	case vodia.Broken:
		p.sentence = "The PBX failed to place the call. Try again in a moment, or dial by hand."
	case vodia.Invalid:
		p.sentence = "This number cannot be dialled from here. Dial by hand."
	}
	return p
}

// dialProblem is a web.DialProblem.
type dialProblem struct {
	status   int
	sentence string
	cause    error
}

func (p dialProblem) Error() string              { return p.cause.Error() }
func (p dialProblem) Unwrap() error              { return p.cause }
func (p dialProblem) DialProblem() (int, string) { return p.status, p.sentence }
