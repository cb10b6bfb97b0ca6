package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/smokepop/smokepop/internal/config"
	"github.com/smokepop/smokepop/internal/daemon"
	"github.com/smokepop/smokepop/internal/screenpop"
)

// directoryList is the running daemon's directories, as the admin API tells of
// them.
type directoryList struct {
	Directories []daemon.DirectoryReport `json:"directories"`
	UnderWay    bool                     `json:"under_way"` // of a refresh that takes longer than a command waits
}

// directory looks at where a tenant's agents come from and what is wrong with
// them.
func (x *examination) directory(ctx context.Context, c *chart, t config.Tenant) {
	var list directoryList
	if err := x.daemon.call(ctx, http.MethodGet, "/v1/directory", url.Values{"tenant": {string(t.Domain)}}, nil, &list); err != nil {
		c.fail("restart the daemon, so that it is of this version", "%v", err)
		return
	}
	for _, d := range list.Directories {
		examineDirectory(c, d)
	}
	if len(list.Directories) == 0 {
		c.fail("reload the daemon (systemctl reload smokepop.service), so that it reads this configuration", "the running daemon does not know the tenant")
	}
}

func examineDirectory(c *chart, d daemon.DirectoryReport) {
	examineReading(c, d)
	warn := func(list []screenpop.Extension, what, do string) {
		if len(list) > 0 {
			c.warn(do, "%s: %s", what, joined(list))
		}
	}
	warn(d.WithoutEmail, "extensions without an e-mail",
		"enter it at the PBX or in the configuration: without one nobody can see that an extension is paired with somebody else's Smokeball account")
	for _, s := range d.SameEmail {
		warn(s.Extensions, "extensions with the same e-mail", "give each person their own, unless these are two phones of one person")
	}
	for _, s := range d.SameName {
		warn(s.Extensions, "extensions with the same name", `"answered by" cannot tell them apart: give each a name of its own, unless these are two phones of one person`)
	}
	for _, s := range d.SameAlias {
		warn(s.Extensions, "extensions that answer at the same number "+s.Alias, "take the alias off all but one at the PBX: until then it leads to none of them")
	}
	warn(d.NotAtPBX, "configured agents that the PBX does not list", "correct the extension in the configuration, or take the agent out")
	for _, e := range d.PairedGone {
		warn([]screenpop.Extension{e}, "paired agents whose extension is gone",
			fmt.Sprintf("if the person has left: smokepopd agents unpair --tenant %s --extension %s", d.Tenant, e))
	}
}

// examineReading tells how reading the PBX goes.
func examineReading(c *chart, d daemon.DirectoryReport) {
	agents, pbx := d.Agents, d.PBX
	switch {
	case pbx == nil:
		c.ok("agents: %d, from the configuration", agents)
	case pbx.Outcome == "":
		c.warn("ask again in a minute", "agents: %d; the PBX is being read for the first time", agents)
	case pbx.Problem != "":
		since := "; it has never been read since the daemon began"
		if pbx.LastSuccess != nil {
			since = "; what it said at " + pbx.LastSuccess.Local().Format(time.DateTime) + " is in use"
		}
		c.fail("see that pbx.api is right, then: smokepopd agents refresh", "agents: %d; %s%s", agents, pbx.Problem, since)
	case len(pbx.Gaps) > 0:
		c.warn("the account of pbx.api may lack the right to read them; what was known of them before stays", "agents: %d; of the PBX could not be read: %s",
			agents, strings.Join(pbx.Gaps, "; "))
	default:
		c.ok("agents: %d; the PBX was read at %s, by its %s", agents, pbx.LastSuccess.Local().Format(time.DateTime), pbx.Shape)
	}
}

func joined(list []screenpop.Extension) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = string(e)
	}
	return strings.Join(words, ", ")
}
