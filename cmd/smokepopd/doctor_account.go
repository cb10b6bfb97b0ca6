package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/screenpop"
)

const (
	apiKeyProbe = "api-key"
	scopesProbe = "scopes"
)

// accessReport is what the daemon tells of an agent's authorisation.
type accessReport struct {
	Firm   string
	Scopes []string
	Doors  []door
}

type door struct {
	Scope   string
	Open    bool
	Status  int
	Problem string
}

// account asks, with an agent's authorisation, whose account it is, and sees by
// what is refused whether the API key is right and the scopes are enough.
// Smokeball shows neither to anybody without an agent's token: its gateway looks
// at the token first.
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
		for _, name := range []string{apiKeyProbe, scopesProbe} {
			c.of(name).skip("let an agent pair and run this again", "Smokeball looks at it only behind a paired agent's token, and nobody is paired")
		}
		return
	}
	var access accessReport
	if err := x.daemon.call(ctx, http.MethodPost, "/v1/doctor/access", nil, agent, &access); err != nil {
		c.fail(err.Error(), "Smokeball could not be asked as extension %s", agent.Extension)
		for _, name := range []string{apiKeyProbe, scopesProbe} {
			c.of(name).skip("mend what is said of the account first", "Smokeball could not be asked with an agent's token")
		}
		return
	}
	judgeAccess(c, t, agent, access)
}

func judgeAccess(c *chart, t config.Tenant, agent screenpop.AgentID, access accessReport) {
	var refused []string
	status := map[int]int{}
	open, silent := 0, ""
	for _, d := range access.Doors {
		switch {
		case d.Open:
			open++
		case d.Status == http.StatusUnauthorized, d.Status == http.StatusForbidden:
			status[d.Status]++
			refused = append(refused, d.Scope)
		case d.Problem != "":
			silent = d.Problem
		default:
			silent = fmt.Sprintf("Smokeball answers %s for %s: see Smokeball's status page", statusText(d.Status), d.Scope)
		}
	}
	key := c.of(apiKeyProbe)
	scopes := c.of(scopesProbe)
	switch {
	case silent != "" && open == 0 && len(refused) == 0:
		c.fail(silent, "Smokeball did not answer, asked as extension %s", agent.Extension)
		key.skip("try again when Smokeball answers", "Smokeball did not answer")
		scopes.skip("try again when Smokeball answers", "Smokeball did not answer")
		return
	case open > 0 && access.Firm != "":
		c.ok("%s, asked as extension %s", access.Firm, agent.Extension)
	case open > 0:
		c.ok("it answers, asked as extension %s, without saying whose it is (that needs the scope firm/read)", agent.Extension)
	case status[http.StatusForbidden] == 0:
		c.fail("let the agent pair again; if that does not help, see whether the app was removed in Smokeball",
			"Smokeball takes no token of extension %s, not even a new one (401)", agent.Extension)
		key.skip("mend what is said of the account first", "Smokeball looks at it only behind a token that it takes")
		scopes.skip("mend what is said of the account first", "Smokeball looks at them only behind a token that it takes")
		return
	default:
		c.fail("see api-key below", "Smokeball refuses everything (403), asked as extension %s", agent.Extension)
	}
	if open == 0 {
		key.fail("copy the key from Smokeball's developer console (the app's, of the same region and environment) into smokeball.api_key_file and reload; "+
			"if it is right, the app has no scopes or was removed", "Smokeball takes the token of extension %s and refuses everything (403), which is how a wrong API key shows", agent.Extension)
		scopes.skip("mend the API key first", "behind a wrong API key Smokeball does not look at them")
		return
	}
	key.ok("Smokeball takes it")
	judgeScopes(scopes, t, access, refused)
	if silent != "" {
		scopes.warn(silent, "not everything could be asked")
	}
}

// judgeScopes says what is lost for each scope that is missing.
func judgeScopes(c *chart, t config.Tenant, access accessReport, refused []string) {
	grant := func(scope string) string {
		return "give the app the scope " + scope + " in Smokeball's developer console; agents pair again afterwards. " +
			"If it has it, this person may not see such records in Smokeball"
	}
	for _, scope := range refused {
		switch scope {
		case "contacts/read":
			c.fail(grant(scope), "contacts may not be looked up: nobody gets a name")
		case "matters/read":
			if t.Lookup.Matters {
				c.warn(grant(scope)+"; or set lookup.matters: false", "matters may not be read: pops come without them")
			}
		case "staff/read", "firmusers/read":
			c.warn(grant(scope), "%s is refused: whether an extension is paired with its own person's account cannot be told", scope)
		}
	}
	for _, want := range []string{"contacts/read", "matters/read", "staff/read", "firmusers/read"} {
		if len(access.Scopes) > 0 && !slices.Contains(access.Scopes, want) && !slices.Contains(refused, want) && (want != "matters/read" || t.Lookup.Matters) {
			c.warn(grant(want), "the token does not name %s, although Smokeball lets it through", want)
		}
	}
	if len(c.findings) > 0 {
		return
	}
	if len(access.Scopes) == 0 {
		c.ok("everything smokepop asks for may be asked")
		return
	}
	c.ok("everything smokepop asks for may be asked; the token has %s", strings.Join(access.Scopes, " "))
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// agent is whose authorisation is used: the one that was named, else the first
// that is paired, else the first whose pairing Smokeball has refused something.
func (x *examination) agent(tenant screenpop.Tenant) (id screenpop.AgentID, found bool) {
	for _, a := range x.agents {
		switch {
		case a.Tenant != tenant:
		case x.who.extension != "":
			if a.Extension == screenpop.Extension(x.who.extension) {
				return a.AgentID, true
			}
		case a.Pairing.State == screenpop.Paired:
			return a.AgentID, true
		case a.Pairing.State == screenpop.Attention && !found:
			id, found = a.AgentID, true
		}
	}
	return id, found
}
