package screenpop

import (
	"slices"
	"testing"
)

func TestSettingsOfAnAgent(t *testing.T) {
	firm := AgentSettings{On: Ringing, Inbound: true, Outbound: true, Notification: NotifyNumber}
	all := SettingsChoice{On: new(Connected), Inbound: new(false), Outbound: new(false), Sound: new(true), Notification: new(NotifyNone)}
	for name, tc := range map[string]struct {
		locked []string
		choice SettingsChoice
		want   AgentSettings
	}{
		"nothing chosen":                   {nil, SettingsChoice{}, firm},
		"all chosen":                       {nil, all, AgentSettings{On: Connected, Sound: true, Notification: NotifyNone}},
		"all chosen, locked":               {SettingNames(), all, firm},
		"one locked":                       {[]string{SettingInbound}, all, AgentSettings{On: Connected, Inbound: true, Sound: true, Notification: NotifyNone}},
		"more than the firm allows by now": {nil, SettingsChoice{Notification: new(NotifyFull)}, firm},
	} {
		r := SettingsRule{Defaults: firm, Locked: tc.locked}
		if got := r.Settings(tc.choice); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
		if v := r.View(tc.choice); v.Settings != tc.want || v.Defaults != firm || !slices.Equal(v.Locked, tc.locked) || v.Locked == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestNotificationsSayNoMore(t *testing.T) {
	for most, want := range map[Notification][]Notification{
		NotifyFull: {NotifyFull, NotifyNumber, NotifyNone}, NotifyNumber: {NotifyNumber, NotifyNone}, NotifyNone: {NotifyNone}, "": {NotifyNone},
	} {
		if got := most.Notifications(); !slices.Equal(got, want) {
			t.Errorf("%q: %v", most, got)
		}
	}
}
