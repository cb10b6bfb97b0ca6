package main

// cases are run in this order. The first that needs them starts what all share.
var cases = []struct {
	name string
	run  func(*bench) ([]row, error)
}{
	{"cached pop", cachedPop},
	{"linear events", linearEvents},
	{"sustained", sustained},
	{"ring groups", ringGroups},
	{"slow CRM", slowCRM},
	{"stalled", stalled},
	{"storm", storm},
	{"linear screens", linearScreens},
	{"nodes", nodes},
	{"memory", memory},
	{"start", start},
	{"idle", idle},
	{"binary", size},
}
