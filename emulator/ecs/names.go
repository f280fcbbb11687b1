package ecs

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// newID makes ids that look like those of AWS.
func newID(kind string) string {
	switch kind {
	case "deployment":
		return "ecs-svc/" + digits(19)
	case "task":
		return randomHex(16)
	case "event":
		h := randomHex(16)
		return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
	}
	return digits(19)
}

func digits(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	for i := range raw {
		raw[i] = '1' + raw[i]%9 // without a zero, for one at the front would not count
	}
	return string(raw)
}

func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: it ends the program instead
	return hex.EncodeToString(raw)
}

func lastPart(arn string) string {
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func splitDefinition(arn string) (family, revision string) {
	family, revision, _ = strings.Cut(lastPart(arn), ":")
	return family, revision
}

func (p place) taskARN(id string) string {
	return "arn:aws:ecs:" + p.region + ":" + awsapi.DefaultAccount + ":task/" + lastPart(p.clusterARN) + "/" + id
}

func (s *service) part(kind, id string) string {
	return "arn:aws:ecs:" + s.region + ":" + awsapi.DefaultAccount + ":" + kind + "/" + lastPart(s.clusterARN) + "/" + s.roll.Name + "/" + id
}
