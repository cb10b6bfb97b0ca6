package push

import (
	"slices"
	"strings"

	"github.com/smokepop/smokepop/internal/screenpop"
)

// Shown tells whether number, in its canonical form, came to the agent with a
// call that is live or among the recent ones. A popID that is not empty says
// with which call.
func (h *Hub) Shown(agent screenpop.AgentID, popID, number string) bool {
	shown := false
	h.inRoom(agent, func(r *room) {
		has := func(id string, numbers []string) bool {
			return (popID == "" || id == popID) && slices.Contains(numbers, number)
		}
		shown = slices.ContainsFunc(r.live, func(p livePop) bool { return has(p.id, p.numbers) }) ||
			slices.ContainsFunc(r.recent, func(p endedPop) bool { return has(p.id, p.numbers) })
	})
	return shown
}

// numbersOf are the numbers of a pop that can be called back. What is no
// digits, such as a star code, is nothing to dial for anybody.
func numbersOf(pop screenpop.Pop) []string {
	if n := pop.Call.Number.Canonical; dialable(n) {
		return []string{n}
	}
	return nil
}

func dialable(number string) bool {
	digits := strings.TrimPrefix(number, "+")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
