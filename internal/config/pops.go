package config

import (
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Pops says what agents want to see, until they choose otherwise, and what they
// may not choose.
type Pops struct {
	On           screenpop.State        `mapstructure:"on"` // ringing or connected
	Inbound      bool                   `mapstructure:"inbound"`
	Outbound     bool                   `mapstructure:"outbound"`
	Unknown      string                 `mapstructure:"unknown"`      // hide or card
	Notification screenpop.Notification `mapstructure:"notification"` // full, number or none; agents may choose less
	Sound        bool                   `mapstructure:"sound"`
	Lock         []string               `mapstructure:"lock"` // of screenpop.SettingNames
}

// Settings returns the same in the flow's words.
func (p Pops) Settings() screenpop.PopSettings {
	return screenpop.PopSettings{On: p.On, Inbound: p.Inbound, Outbound: p.Outbound, UnknownCard: p.Unknown == unknownCard}
}

// Rule returns what agents may make of it.
func (p Pops) Rule() screenpop.SettingsRule {
	return screenpop.SettingsRule{
		Defaults: screenpop.AgentSettings{On: p.On, Inbound: p.Inbound, Outbound: p.Outbound, Sound: p.Sound, Notification: p.Notification},
		Locked:   p.Lock,
	}
}

func (l *loader) checkPops(p Pops, path string) {
	l.oneOf(path+".on", "state", string(p.On), string(screenpop.Ringing), string(screenpop.Connected))
	l.oneOf(path+".unknown", "choice", p.Unknown, unknownHide, unknownCard)
	l.oneOf(path+".notification", "choice", string(p.Notification),
		string(screenpop.NotifyFull), string(screenpop.NotifyNumber), string(screenpop.NotifyNone))
	for i, name := range p.Lock {
		l.oneOf(index(path+".lock", i), "setting", name, screenpop.SettingNames()...)
	}
	locked := func(name string) bool { return slices.Contains(p.Lock, name) }
	if p.Inbound || p.Outbound {
		return
	}
	until := " before turning one of them on"
	if locked(screenpop.SettingInbound) && locked(screenpop.SettingOutbound) {
		until = ""
	}
	l.warn(path, "inbound and outbound are off: nobody of this tenant sees a pop%s", until)
}
