// Package architecture holds the house rules that a machine can check: who may
// import whom, who alone may import a library, a comment on every package. It
// has tests only.
package architecture
