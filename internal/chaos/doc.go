// Package chaos judges what a cluster of smokepopd has done while machines died,
// froze and lost their network. A [History] is what was seen from outside: by
// the PBX that sent webhooks, by agents' pages, by Smokeball. [History.Check]
// finds what should never happen in it; [History.Summary] tells how long what may
// happen has lasted. It is for tests only, and knows nothing of smokepop's
// inside. The run that makes histories is this package's own test.
package chaos
