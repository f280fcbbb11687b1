package standin

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMotoCheck runs the hook on roots with other versions of moto.
func TestMotoCheck(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("dpkg is not here: the hook runs on Debian")
	}
	for version, ok := range map[string]bool{
		"5.2.4-1": true, "5.2.4-2+b1": true, "5.2.10-1": true, "5.3.0~rc1-1": true, "5.10.0-1": true,
		"5.2.3-9": false, "5.2.4~rc1-1": false, "5.1.1-1": false, "4.9.0-1": false, "6.0.0-1": false, "6.0.0~rc1-1": false, "": false,
	} {
		bin := t.TempDir()
		// Stands in for the root's own dpkg-query.
		script := "#!/bin/sh\n[ \"$1 $2\" = \"/root dpkg-query\" ] || exit 9\nprintf '%s' '" + version + "'\n"
		if err := os.WriteFile(filepath.Join(bin, "chroot"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		hook := exec.CommandContext(t.Context(), "sh", "-c", motoCheck, "hook", "/root")
		hook.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := hook.CombinedOutput()
		if (err == nil) != ok {
			t.Errorf("version %q: %v\n%s", version, err, out)
		}
		if !ok && version != "" && !strings.Contains(string(out), "python3-moto is "+version+", and the emulated AWS needs 5.2.4 or newer, below 6") {
			t.Errorf("version %q: the refusal says\n%s", version, out)
		}
	}
}
