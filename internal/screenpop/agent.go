package screenpop

import "log/slog"

// Tenant is a PBX domain, for example "firm.example.com". It is always lower
// case; [ParseTenant] makes it so.
type Tenant string

// Extension is an account on the PBX, for example "101".
type Extension string

// AgentID names one agent: an extension of a tenant. It is comparable and
// serves as the key of everything that belongs to an agent.
type AgentID struct {
	Tenant    Tenant    `json:"tenant"`
	Extension Extension `json:"extension"`
}

// String returns the agent the way the PBX writes accounts: "101@firm.example.com".
func (a AgentID) String() string { return string(a.Extension) + "@" + string(a.Tenant) }

// LogValue names the agent in logs.
func (a AgentID) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Agent is a person behind an extension.
type Agent struct {
	AgentID
	Name   string   `json:"name"`
	Email  string   `json:"email"`
	Groups []string `json:"-"`
}

// LogValue keeps the name and the e-mail out of logs.
func (a Agent) LogValue() slog.Value { return a.AgentID.LogValue() }
