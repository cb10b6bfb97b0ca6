//go:build !race

package daemon

const shuffledOrders = 10_000
