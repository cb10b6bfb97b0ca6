package main

// cases are run in this order.
var cases = []struct {
	name string
	run  func(*bench) ([]row, error)
}{
	{"cached pop", cachedPop},
}
