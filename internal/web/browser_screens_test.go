package web_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Pictures of every state, light and dark, wide and narrow, into the folder
// that SMOKEPOP_TEST_SCREENS names (make screens): STATE[-THEME][-WIDTH].png,
// and LANGUAGE-STATE... in another language than English.
func TestBrowserScreens(t *testing.T) {
	folder := os.Getenv("SMOKEPOP_TEST_SCREENS")
	if folder == "" {
		t.Skip("pictures are taken by make screens")
	}
	everyState(t, func(t *testing.T, b *tab, s state, language string) {
		s.in(t, b)
		name := s.name
		if language != "en-US" {
			name = language[:2] + "-" + name
		}
		b.pictures(folder, name)
	})
}

// pictures takes the tab's, in both themes and widths.
func (b *tab) pictures(folder, name string) {
	b.t.Helper()
	b.js(`(document.activeElement.blur(), 1)`)
	for _, theme := range []string{"light", "dark"} {
		b.looks(theme)
		for _, window := range []struct {
			name          string
			width, height int64
		}{{"", 1280, 800}, {"-narrow", 320, 640}} {
			height := window.height
			for range 3 { // what comes into sight by that may be higher than was thought
				b.do(chromedp.EmulateViewport(window.width, height))
				whole, err := strconv.ParseInt(b.js(`document.documentElement.scrollHeight`), 10, 64)
				if err != nil {
					b.t.Fatal(err)
				}
				height = min(max(height, whole), 2400)
			}
			b.do(chromedp.EmulateViewport(window.width, height))
			shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				b.t.Fatal(err)
			}
			suffix := window.name
			if theme == "dark" {
				suffix = "-dark" + suffix
			}
			if err := os.WriteFile(filepath.Join(folder, name+suffix+".png"), smaller(b.t, shot), 0o644); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	b.do(chromedp.EmulateViewport(1280, 800))
	b.looks("light")
}

func distance(a, b color.RGBA) int {
	r, g, bl := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return r*r + g*g + bl*bl
}

// smaller writes a picture with the 256 colours that it has most of, which is
// nearly all of a page's.
func smaller(t testing.TB, shot []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	bounds := full.Bounds()
	count := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(full.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	most := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], strings.Compare(string([]byte{a.R, a.G, a.B}), string([]byte{b.R, b.G, b.B})))
	})
	// Colours that differ much first: a small sign in red or green is worth one
	// more than the hundredth grey of the letters' edges.
	palette := color.Palette{}
	for _, apart := range []int{3000, 800, 200, 50, 0} {
		for _, c := range most {
			if len(palette) < 256 && (len(palette) == 0 || distance(c, palette[palette.Index(c)].(color.RGBA)) > apart) {
				palette = append(palette, c)
			}
		}
	}
	index := map[color.RGBA]uint8{}
	for _, c := range most {
		index[c] = uint8(palette.Index(c))
	}
	small := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			small.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
