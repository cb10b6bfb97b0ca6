package chaos

import (
	"fmt"
	"strings"
)

// CallID names a call by its number and by who calls, so that a pop alone tells
// whether it shows the right caller.
func CallID(n, caller int) string { return fmt.Sprintf("chaos-%d-%06d", n, caller) }

// ContactName is the name of a caller, as Smokeball knows it.
func ContactName(caller int) string { return fmt.Sprintf("Maria Santos-%06d", caller) }

// ContactOf is the name of the caller of a call.
func ContactOf(call string) string {
	return "Maria Santos-" + call[strings.LastIndex(call, "-")+1:]
}
