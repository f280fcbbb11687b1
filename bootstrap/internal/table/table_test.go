package table

import (
	"bytes"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Write(&out, [][]string{{"PART", "STATE"}, {"go", "ready", "x"}, {"longer", "missing", "", ""}}); err != nil {
		t.Fatal(err)
	}
	want := "PART    STATE\ngo      ready  x\nlonger  missing\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 kB", 1536 << 10: "1.5 MB", 2 << 30: "2.0 GB", 3 << 40: "3.0 TB", 5000 << 40: "5000.0 TB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}
