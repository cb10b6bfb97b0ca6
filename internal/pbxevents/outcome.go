package pbxevents

import (
	"github.com/smokepop/smokepop/internal/screenpop"
)

// outcome gathers what became of each leg an event is about.
type outcome struct {
	accepted []screenpop.Extension
	stood    []screenpop.Extension
	skip     screenpop.Skip
}

func (o *outcome) moved(e screenpop.Extension) { o.accepted = append(o.accepted, e) }

// still notes a leg that did not move. Of several reasons duplicate is told
// before out-of-order: it is the one that needs no looking into.
func (o *outcome) still(e screenpop.Extension, reason screenpop.Skip) {
	o.stood = append(o.stood, e)
	if o.skip == "" || reason == screenpop.SkipDuplicate {
		o.skip = reason
	}
}

func (o *outcome) any() bool { return len(o.accepted)+len(o.stood) > 0 }

// with adds the verdict on other legs of the same event.
func (o *outcome) with(v verdict) *outcome {
	if v.result == accepted {
		o.accepted = append(o.accepted, v.extensions...)
		return o
	}
	for _, e := range v.extensions {
		o.still(e, v.skip)
	}
	return o
}

func (o *outcome) verdict(n screenpop.Number) verdict {
	if len(o.accepted) > 0 {
		return verdict{result: accepted, extensions: o.accepted, number: n}
	}
	return verdict{result: skipped, skip: o.skip, extensions: o.stood, number: n}
}
