package main

import (
	"context"
	"net/http"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// account asks, with an agent's authorisation, whose account it is.
func (x *examination) account(ctx context.Context, c *chart, t config.Tenant) {
	agent, found := x.agent(t.Domain)
	if !found {
		const do = "invite an agent (smokepopd agents invite) and let the agent pair: nobody sees a pop before"
		switch {
		case x.who.extension != "":
			c.fail(do, "there is no extension %s", x.who.extension)
		case x.number != "":
			c.fail(do, "nobody is paired")
		default:
			c.warn(do, "nobody is paired")
		}
		return
	}
	var firm struct{ Firm string }
	if err := x.daemon.call(ctx, http.MethodPost, "/v1/doctor/firm", nil, agent, &firm); err != nil {
		c.fail(err.Error(), "Smokeball did not tell, asked as extension %s", agent.Extension)
		return
	}
	c.ok("%s, asked as extension %s", firm.Firm, agent.Extension)
}

// agent is whose authorisation is used: the one that was named, else the first
// that is paired.
func (x *examination) agent(tenant screenpop.Tenant) (screenpop.AgentID, bool) {
	for _, a := range x.agents {
		if a.Tenant != tenant {
			continue
		}
		named := x.who.extension != "" && a.Extension == screenpop.Extension(x.who.extension)
		if named || x.who.extension == "" && a.Pairing.State == screenpop.Paired {
			return a.AgentID, true
		}
	}
	return screenpop.AgentID{}, false
}
