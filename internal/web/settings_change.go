package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// change is what an agent asks for: values by the names of settings, null for
// the firm's default. Names that are none are left alone.
type change map[string]json.RawMessage

// names are the settings that are named, in their own order.
func (c change) names() []string {
	return slices.DeleteFunc(screenpop.SettingNames(), func(name string) bool {
		_, named := c[name]
		return !named
	})
}

// apply returns the choice with the change in it, or the error that says why
// none of it is made.
func (c change) apply(rule screenpop.SettingsRule, choice screenpop.SettingsChoice) (screenpop.SettingsChoice, error) {
	for _, name := range screenpop.SettingNames() {
		value, named := c[name]
		if !named {
			continue
		}
		if rule.Locks(name) {
			return choice, refuse(http.StatusForbidden, "Your administrator decides about "+inWords(name)+" for everybody, so it cannot be changed here.")
		}
		if err := set(&choice, name, value); err != nil {
			return choice, err
		}
	}
	if n := choice.Notification; n != nil && c[screenpop.SettingNotification] != nil && !rule.Allows(*n) {
		if rule.Defaults.Notification == screenpop.NotifyNone {
			return choice, refuse(http.StatusForbidden, "Your administrator does not allow desktop notifications.")
		}
		return choice, refuse(http.StatusForbidden, "Your administrator does not allow names in desktop notifications.")
	}
	return choice, nil
}

func set(c *screenpop.SettingsChoice, name string, value json.RawMessage) error {
	switch name {
	case screenpop.SettingOn:
		return oneOf(&c.On, name, value, screenpop.Ringing, screenpop.Connected)
	case screenpop.SettingInbound:
		return oneOf(&c.Inbound, name, value, true, false)
	case screenpop.SettingOutbound:
		return oneOf(&c.Outbound, name, value, true, false)
	case screenpop.SettingSound:
		return oneOf(&c.Sound, name, value, true, false)
	default:
		return oneOf(&c.Notification, name, value, screenpop.NotifyFull.Notifications()...)
	}
}

// oneOf reads a value of a closed set, or null.
func oneOf[T comparable](to **T, name string, value json.RawMessage, allowed ...T) error {
	if bytes.Equal(value, []byte("null")) {
		*to = nil
		return nil
	}
	v := new(T)
	if err := json.Unmarshal(value, v); err != nil || !slices.Contains(allowed, *v) {
		return refuse(http.StatusBadRequest, fmt.Sprintf("The setting %q takes one of %v, or null.", name, allowed))
	}
	*to = v
	return nil
}

func inWords(name string) string {
	switch name {
	case screenpop.SettingOn:
		return "when a pop appears"
	case screenpop.SettingInbound:
		return "pops for incoming calls"
	case screenpop.SettingOutbound:
		return "pops for outgoing calls"
	case screenpop.SettingSound:
		return "the sound"
	}
	return "desktop notifications"
}
