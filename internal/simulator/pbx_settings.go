package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// oddSettings are the names of an account's settings that nobody here needs,
// as flat and as many as a real account has.
const oddSettings = `aa_dst ab_enable adr_book admin_lock agent_jump_0 agent_log allow_monitor ani ani_emergency ani_regular audio_moh
block_cid bridge_cid cell_call cell_confirm cell_delay cell_exclude cell_include cell_mb cell_number cfa cfb cfna cfna_timeout cfnr
chat_status cid_private cmc_forced cobusy_lamp code_pin color cost_center country cstate_notify dect_id department dialplan dnd
dnd_permission dst_offset ela emergency_loc expires fax_mode fax_to first_name from_header greeting hide_busy hide_history
hotdesk_pin hot_line icon ignore_dnd intercom_allow ivr_lang lang_audio lang_web last_login last_name location lock_codec logins_max
mac mailbox_announce mailbox_enable mailbox_escape mailbox_greeting mailbox_max mailbox_pin mb_email_audio mb_email_notify
mb_sms_notify mobile_push moh_source monitor_list name_recorded nat_refresh outbound_rate park_announce park_reminder pass_web
permissions pickup_allow position privacy_ind prov_template queue_wrapup rec_incoming rec_outgoing registered_from ring_duration
ring_melody secretary sip_caller_id sip_ua snom_minibrowser soap_lock spam_action srtp tel_alias time_zone tos_accepted tz_audio
user_agent_ver vm_quota wakeup web_lang xfer_announce`

// settings returns an account's fields. Those of the webhooks are among them.
func (p *PBX) settingsOf(a Account) map[string]string {
	out := map[string]string{}
	for _, name := range strings.Fields(oddSettings) {
		out[name] = ""
	}
	maps.Copy(out, map[string]string{
		"display_name": a.Name, "cfna_timeout": "20", "dnd": "false", "mailbox_enable": "true", "ring_melody": "1", "cell_delay": "0",
		"lang_web": "en", "time_zone": "-", "logins_max": "5", "mailbox_max": "50", "permissions": "wakeup mailbox", "pass_web": masked,
	})
	out["first_name"], out["last_name"], _ = strings.Cut(a.Name, " ")
	for _, agent := range p.opts.Firm.Agents {
		if agent.Extension == a.Number {
			out[p.opts.EmailKey] = agent.Email
		}
	}
	p.mu.Lock()
	maps.Copy(out, p.changed[a.Number])
	p.mu.Unlock()
	maps.Copy(out, p.hookSettings(a.Number))
	return out
}

func (p *PBX) account(r *http.Request) (Account, bool) {
	list := p.opts.Firm.Directory()
	i := slices.IndexFunc(list, func(a Account) bool { return a.Number == r.PathValue("account") })
	if i < 0 {
		return Account{}, false
	}
	return list[i], true
}

func (p *PBX) userSettings(w http.ResponseWriter, r *http.Request) {
	a, ok := p.account(r)
	if !ok {
		noSuchThing(w)
		return
	}
	tell(w, p.settingsOf(a))
}

// postUserSettings changes the fields it is given and leaves the others.
func (p *PBX) postUserSettings(w http.ResponseWriter, r *http.Request) {
	a, ok := p.account(r)
	if !ok {
		noSuchThing(w)
		return
	}
	var fields map[string]string
	if !told(w, r, &fields) {
		return
	}
	known := p.settingsOf(a)
	hooks := map[string]string{}
	plain := map[string]string{}
	for name, value := range fields {
		switch _, ok := known[name]; {
		case strings.HasPrefix(name, "acturl_"):
			hooks[name] = value
		case ok:
			plain[name] = value
		}
	}
	if !p.setHooks(a.Number, hooks) {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	p.mu.Lock()
	if p.changed[a.Number] == nil {
		p.changed[a.Number] = map[string]string{}
	}
	maps.Copy(p.changed[a.Number], plain)
	p.mu.Unlock()
	tell(w, true)
}

type hookSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type hookTable struct {
	Table    string        `json:"table"`
	Settings []hookSetting `json:"settings"`
}

func (p *PBX) tenantHooks(w http.ResponseWriter, _ *http.Request) {
	out := hookTable{Table: "domains", Settings: []hookSetting{}}
	all := p.hookSettings("")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.Settings = append(out.Settings, hookSetting{name, all[name]})
	}
	tell(w, out)
}

func (p *PBX) postTenantHooks(w http.ResponseWriter, r *http.Request) {
	var ask hookTable
	if !told(w, r, &ask) {
		return
	}
	set := map[string]string{}
	for _, s := range ask.Settings {
		set[s.Name] = s.Value
	}
	if ask.Table != "domains" || len(set) == 0 || !p.setHooks("", set) {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	tell(w, true)
}

// hookJSON is the value of a webhook's setting.
type hookJSON struct {
	Auth     string `json:"auth"`
	Body     string `json:"body"`
	Encoding string `json:"encoding"`
	Headers  string `json:"headers"`
	Method   string `json:"method"`
	Pass     string `json:"pass"`
	Region   string `json:"region"`
	URL      string `json:"url"`
	User     string `json:"user"`
}

// masked stands for a password that is set.
const masked = "********"

func (h hookJSON) String() string {
	if h.Pass != "" {
		h.Pass = masked
	}
	b, _ := json.Marshal(h) // of strings: cannot fail
	return string(b)
}
