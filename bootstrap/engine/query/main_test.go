package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args     []string
		want, no string
	}{
		"the process that the engine runs": {args: []string{echoCommand, "x"}, want: "x"},
		"no address":                       {no: "give the engine's address"},
		"too much":                         {args: []string{"a", "b"}, no: "give the engine's address"},
		"no client":                        {args: []string{"nonsense"}, no: "connect to the engine at nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(c.args)
			if got != c.want || (err == nil) != (c.no == "") || (err != nil && !strings.Contains(err.Error(), c.no)) {
				t.Errorf("%q, %v; want %q, %q", got, err, c.want, c.no)
			}
		})
	}
}
