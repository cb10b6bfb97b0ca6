package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokepop/smokepop/internal/simulator"
	"github.com/smokepop/smokepop/internal/vault"
)

// demoWorld is the world outside smokepop: for each firm a Smokeball and a PBX.
type demoWorld struct {
	public string // the address smokepop is reached at
	firms  []*simulator.Firm
	client simulator.Client
	access simulator.Access

	smokeball []*simulator.Smokeball // each firm's
	pbx       []*simulator.PBX       // likewise
	listeners []net.Listener         // each firm's two: its Smokeball's, its PBX's
	servers   []*http.Server
}

// demoFirms are the firms of the demo.
func demoFirms() []*simulator.Firm {
	return []*simulator.Firm{simulator.NewFirm(), simulator.NewAustralianFirm()}
}

func demoListen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (--listen names another address)", address, err)
	}
	return l, nil
}

// newDemoWorld makes the world of the firms around a smokepop that is reached at
// public. as, when given, says which Smokeball to be, and pbxAs which PBX.
func newDemoWorld(ctx context.Context, public string, firms []*simulator.Firm, as func(*simulator.Options), pbxAs ...func(*simulator.PBXOptions)) (*demoWorld, error) {
	w := &demoWorld{
		public: "http://" + public,
		firms:  firms,
		access: simulator.Access{Username: "vodia", Password: "demo-webhook-password"},
	}
	w.client = simulator.DefaultClient(w.public + "/pair/callback")
	for _, f := range w.firms {
		options := simulator.Options{Firm: f, Clients: []simulator.Client{w.client}}
		if as != nil {
			as(&options)
		}
		smokeball := simulator.NewSmokeball(options)
		pbxOptions := simulator.PBXOptions{Firm: f, AdminsActForUsers: true}
		for _, change := range pbxAs {
			change(&pbxOptions)
		}
		pbx := simulator.NewPBX(pbxOptions)
		w.smokeball, w.pbx = append(w.smokeball, smokeball), append(w.pbx, pbx)
		for _, h := range []http.Handler{smokeball, pbx} {
			l, err := demoListen(ctx, "127.0.0.1:0")
			if err != nil {
				w.close()
				return nil, err
			}
			w.listeners = append(w.listeners, l)
			w.servers = append(w.servers, &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second})
		}
	}
	return w, nil
}

// serve serves the Smokeballs and the PBXs until ctx ends.
func (w *demoWorld) serve(ctx context.Context) error {
	ended := make(chan error, len(w.servers))
	for i, s := range w.servers {
		go func() { ended <- s.Serve(w.listeners[i]) }()
	}
	stop := context.AfterFunc(ctx, w.close)
	defer stop()
	var err error
	for range w.servers {
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
			w.close()
		}
	}
	return err
}

func (w *demoWorld) close() {
	for _, s := range w.servers {
		_ = s.Close()
	}
	for _, l := range w.listeners {
		_ = l.Close()
	}
	for _, p := range w.pbx {
		p.Close()
	}
}

// writeConfig writes a configuration as an admin would, with its key and its
// secrets in files of their own. change, when given, has the last word.
func (w *demoWorld) writeConfig(dir string, change func(map[string]any)) (string, error) {
	etc, state := filepath.Join(dir, "etc"), filepath.Join(dir, "state")
	if err := os.Mkdir(etc, 0o700); err != nil {
		return "", err
	}
	if err := vault.GenerateKey(filepath.Join(etc, "smokepop.key")); err != nil {
		return "", err
	}
	for name, secret := range map[string]string{
		"client-secret": w.client.Secret, "api-key": w.client.APIKey, "webhook-password": w.access.Password,
		"pbx-password": simulator.DefaultAdmin().Password,
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(secret+"\n"), 0o600); err != nil {
			return "", err
		}
	}
	host := w.public[len("http://"):]
	tenants := make([]map[string]any, len(w.firms))
	for i, f := range w.firms {
		tenants[i] = w.tenant(f, w.smokeballURL(i))
	}
	settings := map[string]any{
		"public_url": w.public, "state_dir": state, "admin_socket": filepath.Join(dir, "admin.sock"),
		"listen":              map[string]any{"agents": host, "pbx": host, "ops": "127.0.0.1:9091"},
		"encryption_key_file": filepath.Join(etc, "smokepop.key"),
		"tenants":             tenants,
		"log":                 map[string]any{"level": "warn"},
	}
	if change != nil {
		change(settings)
	}
	doc, err := yaml.Marshal(settings)
	if err != nil {
		return "", err
	}
	file := filepath.Join(etc, "smokepop.yaml")
	return file, os.WriteFile(file, doc, 0o600)
}

// smokeballURL is where firm i's Smokeball is.
func (w *demoWorld) smokeballURL(i int) string { return "http://" + w.listeners[2*i].Addr().String() }

// pbxURL is where firm i's PBX is.
func (w *demoWorld) pbxURL(i int) string { return "http://" + w.listeners[2*i+1].Addr().String() }

func (w *demoWorld) tenant(f *simulator.Firm, smokeball string) map[string]any {
	agents := make([]map[string]any, len(f.Agents))
	for i, a := range f.Agents {
		agents[i] = map[string]any{"extension": a.Extension, "name": a.Name, "email": a.Email, "groups": a.Groups}
	}
	pbx := map[string]any{
		"webhook": map[string]any{"username": w.access.Username, "password_file": "webhook-password"},
		"country": f.Country,
	}
	if f.AreaCode != "" {
		pbx["area_code"] = f.AreaCode
	}
	return map[string]any{
		"domain": f.Domain, "region": f.Region,
		"smokeball": map[string]any{
			"client_id": w.client.ID, "client_secret_file": "client-secret", "api_key_file": "api-key",
			"endpoints": map[string]any{"auth": smokeball, "api": smokeball, "app": smokeball},
		},
		"pbx": pbx, "agents": agents,
	}
}

// invite asks the daemon for an invite link, the way an admin does.
func (w *demoWorld) invite(ctx context.Context, admin *adminClient, domain, extension string) (string, error) {
	var made invite
	who := map[string]string{"tenant": domain, "extension": extension}
	if err := admin.call(ctx, http.MethodPost, "/v1/invites", nil, who, &made); err != nil {
		return "", fmt.Errorf("invite extension %s: %w", extension, err)
	}
	return made.URL, nil
}
