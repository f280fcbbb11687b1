package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"dagger/sensor-backend/pipeline"
	"dagger/sensor-backend/pipeline/record"
)

// fits checks a message against Block Kit's rules.
func fits(m SlackMessage) error {
	total := 0
	text := func(s SlackText, most int) error {
		n := utf8.RuneCountInString(s.Text)
		total += n
		if n == 0 || n > most {
			return fmt.Errorf("a text of %d characters, at most %d", n, most)
		}
		if s.Type != "mrkdwn" {
			return nil
		}
		bare := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(s.Text)
		if link, found := strings.CutSuffix(bare, "|the run>"); found {
			bare = strings.TrimPrefix(link, "<")
		}
		if strings.ContainsAny(bare, "<>&") {
			return fmt.Errorf("markup in %q", s.Text)
		}
		if n := strings.Count(s.Text, "`"); n != 0 && n != 6 {
			return fmt.Errorf("%d back quotes in %q", n, s.Text)
		}
		return nil
	}
	if m.Text == "" || strings.ContainsAny(m.Text, "<>\n") || len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		return fmt.Errorf("text %q, %d blocks", m.Text, len(m.Blocks))
	}
	for _, b := range m.Blocks {
		most := 3000
		if b.Type == "header" {
			most = 150
		}
		if b.Text != nil {
			if err := text(*b.Text, most); err != nil {
				return err
			}
		}
		if len(b.Fields) > 10 {
			return fmt.Errorf("%d fields", len(b.Fields))
		}
		for _, f := range append(b.Fields, b.Elements...) {
			if err := text(f, 2000); err != nil {
				return err
			}
		}
	}
	if total > 12500 {
		return fmt.Errorf("%d characters together", total)
	}
	if raw, err := json.Marshal(m); err != nil || !utf8.Valid(raw) {
		return fmt.Errorf("no JSON: %w", err)
	}
	return nil
}

func TestSlackWithHostileNames(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("<&>`\n", 2000)
	for _, name := range append(hostile(), big) {
		r := poisoned(t, name)
		for range 30 {
			r.Stages = append(r.Stages, record.Stage{Name: name, Outcome: pipeline.Failed, Reason: name})
		}
		opening, replies := SlackThread(r)
		for _, m := range append(replies, opening, Slack(r)) {
			if err := fits(m); err != nil {
				t.Errorf("%.40q: %v", name, err)
			}
		}
		if len(replies) > slackMost+2 {
			t.Errorf("%.40q: %d replies", name, len(replies))
		}
	}
}
