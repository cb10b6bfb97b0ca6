//go:build race

package daemon

// shuffledOrders is fewer under the race detector, which makes each ten times as
// dear; make test plays all of them without it as well.
const shuffledOrders = 1_000
