package web

import "encoding/json"

// manifest is what a browser needs to install the page as an app of its own.
type manifest struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	ShortName       string         `json:"short_name"`
	Description     string         `json:"description"`
	Lang            string         `json:"lang"`
	Dir             string         `json:"dir"`
	StartURL        string         `json:"start_url"`
	Scope           string         `json:"scope"`
	Display         string         `json:"display"`
	ThemeColor      string         `json:"theme_color"`
	BackgroundColor string         `json:"background_color"`
	Categories      []string       `json:"categories"`
	Icons           []manifestIcon `json:"icons"`
}

type manifestIcon struct {
	Src     string `json:"src"`
	Sizes   string `json:"sizes"`
	Type    string `json:"type"`
	Purpose string `json:"purpose"`
}

// newManifest returns the manifest of a page whose assets are there. Without a
// service worker: there is nothing of a call to show without a connection.
func newManifest(assets string) encoded {
	icon := func(name, sizes, mediaType, purpose string) manifestIcon {
		return manifestIcon{assets + "/" + name, sizes, mediaType, purpose}
	}
	content, _ := json.Marshal(manifest{ // strings only
		ID: "/", Name: "smokepop", ShortName: "smokepop", Description: "Shows who is calling", Lang: "en", Dir: "ltr",
		StartURL: "/", Scope: "/", Display: "standalone",
		ThemeColor: "#ffffff", BackgroundColor: "#f5f4f1", Categories: []string{"business", "productivity"},
		Icons: []manifestIcon{
			icon("icon.svg", "any", "image/svg+xml", "any"),
			icon("icon-192.png", "192x192", "image/png", "any"),
			icon("icon-512.png", "512x512", "image/png", "any"),
			icon("icon-maskable.png", "512x512", "image/png", "maskable"),
		},
	})
	return encode("application/manifest+json", content)
}
