package main

import (
	"context"
	"fmt"
	"net/http"
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

// directories looks at where the tenants' agents come from and what is wrong
// with them.
func (x *examination) directories(ctx context.Context, r *doctorReport, cfg *config.Config, tenants []config.Tenant) {
	var list directoryList
	if err := x.admin(cfg).call(ctx, http.MethodGet, "/v1/directory", nil, nil, &list); err != nil {
		r.fail("restart the daemon, so that it is of this version", "directory: %v", err)
		return
	}
	for _, t := range tenants {
		for _, d := range list.Directories {
			if d.Tenant == t.Domain {
				examineDirectory(r, d)
			}
		}
	}
}

func examineDirectory(r *doctorReport, d daemon.DirectoryReport) {
	of := fmt.Sprintf("directory of %s: ", d.Tenant)
	examineReading(r, of, d)
	warn := func(list []screenpop.Extension, what, do string) {
		if len(list) > 0 {
			r.warn(do, "%s%s: %s", of, what, joined(list))
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
func examineReading(r *doctorReport, of string, d daemon.DirectoryReport) {
	agents, pbx := d.Agents, d.PBX
	switch {
	case pbx == nil:
		r.ok("%sagents: %d, from the configuration", of, agents)
	case pbx.Outcome == "":
		r.warn("ask again in a minute", "%sagents: %d; the PBX is being read for the first time", of, agents)
	case pbx.Problem != "":
		since := "; it has never been read since the daemon began"
		if pbx.LastSuccess != nil {
			since = "; what it said at " + pbx.LastSuccess.Local().Format(time.DateTime) + " is in use"
		}
		r.fail("see that pbx.api is right, then: smokepopd agents refresh", "%sagents: %d; %s%s", of, agents, pbx.Problem, since)
	case len(pbx.Gaps) > 0:
		r.warn("the account of pbx.api may lack the right to read them; what was known of them before stays", "%sagents: %d; of the PBX could not be read: %s",
			of, agents, strings.Join(pbx.Gaps, "; "))
	default:
		r.ok("%sagents: %d; the PBX was read at %s, by its %s", of, agents, pbx.LastSuccess.Local().Format(time.DateTime), pbx.Shape)
	}
}

func joined(list []screenpop.Extension) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = string(e)
	}
	return strings.Join(words, ", ")
}
