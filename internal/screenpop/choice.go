package screenpop

import "slices"

// Notification is what a desktop notification may say of a call.
type Notification string

// From all to nothing.
const (
	NotifyFull   Notification = "full"   // the contact's name and the number
	NotifyNumber Notification = "number" // the number only
	NotifyNone   Notification = "none"   // there is no notification
)

// Notifications are those that say no more than n, n first.
func (n Notification) Notifications() []Notification {
	all := []Notification{NotifyFull, NotifyNumber, NotifyNone}
	if i := slices.Index(all, n); i >= 0 {
		return all[i:]
	}
	return all[2:]
}

// The names of an agent's settings.
const (
	SettingOn           = "on"
	SettingInbound      = "inbound"
	SettingOutbound     = "outbound"
	SettingSound        = "sound"
	SettingNotification = "notification"
)

// SettingNames are the names of an agent's settings, in the order they are
// shown.
func SettingNames() []string {
	return []string{SettingOn, SettingInbound, SettingOutbound, SettingSound, SettingNotification}
}

// AgentSettings is how an agent's screens behave.
type AgentSettings struct {
	On           State        `json:"on"` // a pop appears when the call is Ringing or Connected
	Inbound      bool         `json:"inbound"`
	Outbound     bool         `json:"outbound"`
	Sound        bool         `json:"sound"`
	Notification Notification `json:"notification"`
}

// SettingsChoice is what an agent has chosen; nil is the firm's default.
type SettingsChoice struct {
	On           *State        `json:"on,omitempty"`
	Inbound      *bool         `json:"inbound,omitempty"`
	Outbound     *bool         `json:"outbound,omitempty"`
	Sound        *bool         `json:"sound,omitempty"`
	Notification *Notification `json:"notification,omitempty"`
}

// SettingsRule is what a firm has set: the defaults, and the names of the
// settings its agents may not change. The default of Notification is the most
// that an agent may choose.
type SettingsRule struct {
	Defaults AgentSettings
	Locked   []string
}

// Settings returns what is in effect. What the rule does not allow, because it
// was stricter than it was when the agent chose, is the default.
func (r SettingsRule) Settings(c SettingsChoice) AgentSettings {
	s := r.Defaults
	choose(&s.On, c.On, r.Locks(SettingOn))
	choose(&s.Inbound, c.Inbound, r.Locks(SettingInbound))
	choose(&s.Outbound, c.Outbound, r.Locks(SettingOutbound))
	choose(&s.Sound, c.Sound, r.Locks(SettingSound))
	choose(&s.Notification, c.Notification, r.Locks(SettingNotification) || c.Notification != nil && !r.Allows(*c.Notification))
	return s
}

func choose[T any](to, choice *T, locked bool) {
	if choice != nil && !locked {
		*to = *choice
	}
}

// Locks tells whether agents may not change the setting of that name.
func (r SettingsRule) Locks(name string) bool { return slices.Contains(r.Locked, name) }

// Allows tells whether a notification says no more than the firm lets it.
func (r SettingsRule) Allows(n Notification) bool {
	return slices.Contains(r.Defaults.Notification.Notifications(), n)
}

// SettingsView is what an agent's page shows of the settings.
type SettingsView struct {
	Settings      AgentSettings  `json:"settings"`
	Defaults      AgentSettings  `json:"defaults"`
	Locked        []string       `json:"locked"`
	Notifications []Notification `json:"notifications"` // those that may be chosen
}

// View returns what an agent who has chosen c is shown.
func (r SettingsRule) View(c SettingsChoice) SettingsView {
	v := SettingsView{Settings: r.Settings(c), Defaults: r.Defaults, Locked: []string{}, Notifications: r.Defaults.Notification.Notifications()}
	for _, name := range SettingNames() {
		if r.Locks(name) {
			v.Locked = append(v.Locked, name)
		}
	}
	if r.Locks(SettingNotification) {
		v.Notifications = v.Notifications[:1]
	}
	return v
}

// PopsAt is when calls of direction d are shown: the state a pop appears at, or
// "off".
func (s PopSettings) PopsAt(d Direction) string {
	if !s.wants(d) {
		return "off"
	}
	return string(s.On)
}
