package parse_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"sensor-backend/services/internal/objectkey"
	"sensor-backend/services/internal/parse"
	"sensor-backend/services/internal/reading"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func options(format objectkey.Format) parse.Options {
	return parse.Options{
		Format:   format,
		Defaults: reading.Defaults{SensorID: "boiler", Metric: "value"},
		Limits:   parse.Limits{Bytes: 1 << 20, Row: 1 << 10, Ratio: 200, Free: 1 << 20},
	}
}

// outcome writes what came of a file in short: good rows as
// line:sensor/metric=value, bad ones as line:!, an error as its text.
func outcome(in []byte, o parse.Options) (string, error) {
	var out []string
	for row, err := range parse.Rows(bytes.NewReader(in), o) {
		switch {
		case err != nil:
			return strings.Join(out, " "), err
		case row.Err != nil:
			out = append(out, fmt.Sprintf("%d:!", row.Line))
		default:
			r := row.Reading
			out = append(out, fmt.Sprintf("%d:%s/%s=%v", row.Line, r.SensorID, r.Metric, r.Value))
		}
	}
	return strings.Join(out, " "), nil
}

func TestRows(t *testing.T) {
	t.Parallel()
	const ts = "2026-03-01 12:00:00"
	const object = `{"timestamp":"` + ts + `","value":1}`
	tests := map[string]struct {
		format objectkey.Format
		file   string
		want   string
		fails  bool
	}{
		"csv":                    {objectkey.CSV, "timestamp,value\n" + ts + ",1\n2026-03-01T12:05:00Z,2.5\n", "2:boiler/value=1 3:boiler/value=2.5", false},
		"csv without header":     {objectkey.CSV, ts + ",1\n", "1:boiler/value=1", false},
		"csv without last break": {objectkey.CSV, "timestamp,value\n" + ts + ",1", "2:boiler/value=1", false},
		"csv four columns":       {objectkey.CSV, "sensor_id,metric,timestamp,value\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv four, no header":    {objectkey.CSV, "a,b," + ts + ",1\n", "1:a/b=1", false},
		"csv columns elsewhere":  {objectkey.CSV, "Value,unit,Timestamp\n1,C," + ts + "\n", "2:boiler/value=1", false},
		"csv bad row in middle":  {objectkey.CSV, "timestamp,value\n" + ts + ",1\n" + ts + ",oops\n" + ts + ",3\n", "2:boiler/value=1 3:! 4:boiler/value=3", false},
		"csv too few columns":    {objectkey.CSV, "timestamp,value\n" + ts + "\n" + ts + ",3\n", "2:! 3:boiler/value=3", false},
		"csv too many columns":   {objectkey.CSV, "timestamp,value\n" + ts + ",1,2\n" + ts + ",3\n", "2:! 3:boiler/value=3", false},
		"csv not finite":         {objectkey.CSV, ts + ",NaN\n" + ts + ",-Inf\n" + ts + ",1\n", "1:! 2:! 3:boiler/value=1", false},
		"csv windows":            {objectkey.CSV, "\ufefftimestamp,value\r\n" + ts + ",1\r\n\r\n", "2:boiler/value=1", false},
		"csv quoted":             {objectkey.CSV, `"timestamp","value"` + "\n" + `"` + ts + `","1"` + "\n", "2:boiler/value=1", false},
		"csv stray quote":        {objectkey.CSV, ts + `,"1` + "\n" + ts + ",2\n", "1:! 2:boiler/value=2", false},
		"csv spaces":             {objectkey.CSV, " timestamp , value \n" + ts + " , 1 \n", "2:boiler/value=1", false},
		"csv blank lines":        {objectkey.CSV, "\n\ntimestamp,value\n\n" + ts + ",1\n", "5:boiler/value=1", false},
		"csv header alone":       {objectkey.CSV, "timestamp,value\n", "", false},
		"csv unknown shape":      {objectkey.CSV, "hello\n" + ts + ",1\n", "1:! 2:boiler/value=1", false},
		"csv no value column":    {objectkey.CSV, "timestamp,temperature\n" + ts + ",1\n", "", true},
		"csv column twice":       {objectkey.CSV, "timestamp,value,value\n" + ts + ",1,2\n", "", true},
		"csv long row":           {objectkey.CSV, ts + "," + strings.Repeat("1", 5000) + "\n" + ts + ",1\n", "1:! 2:boiler/value=1", false},
		"csv bad sensor":         {objectkey.CSV, "a/b,m," + ts + ",1\nc,m," + ts + ",1\n", "1:! 2:c/m=1", false},

		// Identity is never a guess.
		"csv empty sensor":          {objectkey.CSV, "sensor_id,metric,timestamp,value\nb,t," + ts + ",1\n,t," + ts + ",2\n", "2:b/t=1 3:!", false},
		"csv empty sensor, quoted":  {objectkey.CSV, "sensor_id,metric,timestamp,value\n\"\",t," + ts + ",2\n", "2:!", false},
		"csv empty sensor, spaces":  {objectkey.CSV, "sensor_id,metric,timestamp,value\n  ,t," + ts + ",2\n", "2:!", false},
		"csv empty metric":          {objectkey.CSV, "b,t," + ts + ",1\nb,," + ts + ",2\n", "1:b/t=1 2:!", false},
		"csv folded names":          {objectkey.CSV, "SensorID,Metric,Timestamp,Value\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv names with spaces":     {objectkey.CSV, "sensor id,metric,time stamp,value\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv synonyms":              {objectkey.CSV, "device,measurement,time,val\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv unknown beside id":     {objectkey.CSV, "sensor_id,metric,timestamp,value,battery\na,b," + ts + ",1,3.3\n", "2:a/b=1", false},
		"csv unknown for id":        {objectkey.CSV, "machine,metric,timestamp,value\na,b," + ts + ",1\n", "", true},
		"csv unknown for metric":    {objectkey.CSV, "sensor_id,kind,timestamp,value\na,b," + ts + ",1\n", "", true},
		"csv nameless column":       {objectkey.CSV, ",timestamp,value\n0," + ts + ",1\n", "", true},
		"csv header by two names":   {objectkey.CSV, "sensor,device,metric,timestamp,value\na,b,m," + ts + ",1\n", "", true},
		"csv header behind comment": {objectkey.CSV, "# exported today\nmetric,sensor_id,timestamp,value\nt,b," + ts + ",1\n", "3:b/t=1", false},
		"csv header behind words":   {objectkey.CSV, "Export, of today\nmetric,sensor_id,timestamp,value\nt,b," + ts + ",1\n", "1:! 3:b/t=1", false},
		"csv header in a comment":   {objectkey.CSV, "# metric,sensor_id,timestamp,value\nt,b," + ts + ",1\n", "2:b/t=1", false},
		"csv second header":         {objectkey.CSV, "sensor_id,metric,timestamp,value\nb,t," + ts + ",1\n\ufeffmetric,sensor_id,time,value\nt,c," + ts + ",2\n", "2:b/t=1 4:c/t=2", false},
		"csv header behind data":    {objectkey.CSV, "b,t," + ts + ",1\nmetric,sensor_id,timestamp,value\nt,c," + ts + ",2\n", "1:b/t=1 3:c/t=2", false},
		"csv second header, bad":    {objectkey.CSV, "timestamp,value\n" + ts + ",1\ntimestamp,temperature\n" + ts + ",2\n", "2:boiler/value=1", true},
		"csv header of unknown":     {objectkey.CSV, "was,wo,wann,wieviel\nt,b," + ts + ",1\n", "1:!", true},
		"csv header of two unknown": {objectkey.CSV, "wann,wieviel\n" + ts + ",1\n", "1:!", true},
		"csv comment of unknown":    {objectkey.CSV, "# was,wo,wann,wieviel\nt,b," + ts + ",1\n", "", true},
		"csv comment with a comma":  {objectkey.CSV, "# made by us, today\n" + ts + ",1\n", "2:boiler/value=1", false},
		"csv sensor called time":    {objectkey.CSV, "time,value," + ts + ",1\n", "1:time/value=1", false},
		"csv metric called value":   {objectkey.CSV, "b,value," + ts + ",1\nb,value,,\n", "1:b/value=1 2:!", false},
		"csv offset":                {objectkey.CSV, "2026-03-01T12:00:00+14:00,1\n2026-03-01T12:00:00+15:00,1\n", "1:boiler/value=1 2:!", false},
		"csv long number":           {objectkey.CSV, ts + ",0." + strings.Repeat("1", 770) + "\n", "1:!", false},
		"ndjson empty sensor":       {objectkey.JSON, `{"sensor_id":"","timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson null sensor":        {objectkey.JSON, `{"sensor_id":null,"timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson sensorId":           {objectkey.JSON, `{"sensorId":"a","timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson value twice":        {objectkey.JSON, `{"timestamp":"` + ts + `","value":21.5,"value":99}`, "1:!", false},
		"ndjson Value too":          {objectkey.JSON, `{"timestamp":"` + ts + `","value":21.5,"Value":99}`, "1:boiler/value=21.5", false},
		"array sensorId":            {objectkey.JSON, `[{"sensorId":"a","timestamp":"` + ts + `","value":1}]`, "1:!", false},

		"csv id for sensor":         {objectkey.CSV, "id,metric,timestamp,value\na,b," + ts + ",1\n", "", true},
		"csv id beside sensor":      {objectkey.CSV, "id,sensor_id,metric,timestamp,value\n7,a,b," + ts + ",1\n", "2:a/b=1", false},
		"csv Sensor-ID":             {objectkey.CSV, "Sensor-ID,metric,timestamp,value\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv device_id":             {objectkey.CSV, "device_id,metric,timestamp,value\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv device_id, sensor_id":  {objectkey.CSV, "device_id,sensor_id,metric,timestamp,value\na,b,m," + ts + ",1\n", "", true},
		"csv wide spaces in names":  {objectkey.CSV, "Sensor\u00a0ID,metric,time\u3000stamp,\u200bvalue\na,b," + ts + ",1\n", "2:a/b=1", false},
		"csv wide names":            {objectkey.CSV, "ｓｅｎｓｏｒ,metric,timestamp,value\na,b," + ts + ",1\n", "", true},
		"csv sensor of wide spaces": {objectkey.CSV, "sensor_id,metric,timestamp,value\n\u00a0\u3000,b," + ts + ",1\n\u200b,b," + ts + ",1\n", "2:! 3:!", false},
		"csv unknown names alone":   {objectkey.CSV, "was,wo,wann,wieviel\n", "1:!", false},
		"csv two marks":             {objectkey.CSV, "\ufeff\ufeffmetric,sensor_id,timestamp,value\nt,b," + ts + ",1\n", "2:b/t=1", false},
		"csv mark and quotes":       {objectkey.CSV, "b,t," + ts + ",1\n\ufeff\"metric\",\"sensor_id\",\"timestamp\",\"value\"\nt,c," + ts + ",2\n", "1:b/t=1 3:c/t=2", false},
		"csv mark before data":      {objectkey.CSV, "b,t," + ts + ",1\n\ufeffc,t," + ts + ",2\n", "1:b/t=1 2:c/t=2", false},
		"csv header, one quote":     {objectkey.CSV, "\"metric\",\"sensor_id\",\"timestamp\",\"value\nt,b," + ts + ",1\n", "", true},
		"csv unknown, one quote":    {objectkey.CSV, "\"was\",\"wo\",\"wann\",\"wieviel\nt,b," + ts + ",1\n", "1:!", true},

		// A header of unknown names behind data fails the file, unless the next row
		// shows that it was a damaged row.
		"csv unknown behind data":    {objectkey.CSV, "b,t," + ts + ",1\nwas,wo,wann,wieviel\nt,c," + ts + ",2\n", "1:b/t=1 2:!", true},
		"csv unknown behind bad":     {objectkey.CSV, "b,t,yesterday,1\nwas,wo,wann,wieviel\nt,c," + ts + ",2\n", "1:! 2:!", true},
		"csv half known behind data": {objectkey.CSV, "sensor_id,metric,timestamp,value\nb,t," + ts + ",1\nmetric,sensor_id,wann,wieviel\nt,c," + ts + ",2\n", "2:b/t=1 3:!", true},
		"csv three behind data":      {objectkey.CSV, "sensor_id,timestamp,value\nb," + ts + ",1\nwas,wann,wieviel\nt," + ts + ",2\n", "2:b/value=1 3:!", true},
		"csv unknown, other columns": {objectkey.CSV, "timestamp,value,unit\n" + ts + ",1,C\nwann,einheit,wieviel\n" + ts + ",5,2\n", "2:boiler/value=1", true},
		"csv words behind data":      {objectkey.CSV, "b,t," + ts + ",1\nnot,a,valid,row\nc,t," + ts + ",2\n", "1:b/t=1 2:! 3:c/t=2", false},
		"csv nulls behind data":      {objectkey.CSV, "timestamp,value,unit\n" + ts + ",1,C\nnull,NaN,C\n" + ts + ",2,C\n", "2:boiler/value=1 3:! 4:boiler/value=2", false},
		"csv damaged row of a kind":  {objectkey.CSV, "sensor_id,metric,timestamp,value,unit\nb,t," + ts + ",1,C\nc,t,yesterday,warm,C\nb,t," + ts + ",2,C\n", "2:b/t=1 3:! 4:b/t=2", false},
		"csv words, two columns":     {objectkey.CSV, ts + ",1\nbroken,see log\n" + ts + ",2\n", "1:boiler/value=1 2:! 3:boiler/value=2", false},
		"csv units below the header": {objectkey.CSV, "sensor_id,metric,timestamp,value\nid,name,UTC,degC\nb,t," + ts + ",1\n", "2:! 3:b/t=1", false},
		"csv metric called time":     {objectkey.CSV, "b,time," + ts + ",1\nb,time,n/a,n/a\nb,time," + ts + ",2\n", "1:b/time=1 2:! 3:b/time=2", false},

		// Columns are separated by commas, or the file says what it has.
		"csv semicolons":             {objectkey.CSV, "timestamp;value\n" + ts + ";1\n", "", true},
		"csv semicolons, no header":  {objectkey.CSV, "b;t;" + ts + ";1\n", "", true},
		"csv semicolons and commas":  {objectkey.CSV, ts + ";1,5\n", "", true},
		"csv semicolons in quotes":   {objectkey.CSV, "\"b\";\"t\";\"" + ts + "\";\"1,5\"\n", "", true},
		"csv tabs":                   {objectkey.CSV, "sensor_id\tmetric\ttimestamp\tvalue\nb\tt\t" + ts + "\t1\n", "", true},
		"csv tabs in utf-16":         {objectkey.CSV, utf16le("\ufefftimestamp\tvalue\r\n" + ts + "\t1\r\n"), "", true},
		"csv bars":                   {objectkey.CSV, "timestamp|value\n", "", true},
		"csv decimal comma":          {objectkey.CSV, "timestamp,value\n" + ts + ",1,5\n" + ts + ",\"1,5\"\n" + ts + ",2\n", "2:! 3:! 4:boiler/value=2", false},
		"csv decimal comma, no name": {objectkey.CSV, ts + ",1,5\n" + ts + ",2\n", "1:! 2:boiler/value=2", false},
		"csv semicolon in a row":     {objectkey.CSV, ts + ",1;2\n" + ts + ",2\n", "1:! 2:boiler/value=2", false},
		"csv old line breaks":        {objectkey.CSV, "timestamp,value\r" + ts + ",1\r" + ts + ",2", "1:!", false},

		"ndjson escaped name":   {objectkey.JSON, `{"sensor\u005fid":"a","timestamp":"` + ts + `","value":1}`, "1:a/value=1", false},
		"ndjson escaped twice":  {objectkey.JSON, `{"sensor\u005fid":"a","sensor_id":"b","timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson twice deep":     {objectkey.JSON, `{"timestamp":"` + ts + `","value":1,"note":{"a":1,"a":2}}`, "1:!", false},
		"ndjson device_id":      {objectkey.JSON, `{"device_id":"a","timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson id":             {objectkey.JSON, `{"id":"a","timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson nested":         {objectkey.JSON, `{"reading":{"sensor_id":"a","timestamp":"` + ts + `","value":1}}`, "1:!", false},
		"ndjson not numbers":    {objectkey.JSON, `{"timestamp":"` + ts + `","value":NaN}` + "\n" + `{"timestamp":"` + ts + `","value":"1"}` + "\n" + `{"timestamp":"` + ts + `","value":1e400}` + "\n" + `{"timestamp":"` + ts + `","value":01}`, "1:! 2:! 3:! 4:!", false},
		"ndjson number as time": {objectkey.JSON, `{"timestamp":1772366400,"value":1}`, "1:!", false},
		"ndjson trailing comma": {objectkey.JSON, `{"timestamp":"` + ts + `","value":1,}`, "1:!", false},
		"ndjson comma behind":   {objectkey.JSON, object + ",\n" + object, "1:! 2:boiler/value=1", false},
		"ndjson two in a line":  {objectkey.JSON, object + object, "1:!", false},
		"ndjson lone surrogate": {objectkey.JSON, `{"sensor_id":"a\ud800","timestamp":"` + ts + `","value":1}`, "1:!", false},
		"ndjson marks":          {objectkey.JSON, "\ufeff" + object + "\n\ufeff" + object + "\n", "1:boiler/value=1 2:boiler/value=1", false},
		"array, then another":   {objectkey.JSON, "[" + object + "]\n[" + object + "]", "1:boiler/value=1", true},
		"array of arrays":       {objectkey.JSON, "[[" + object + "]]", "1:!", false},
		"a batch of the API":    {objectkey.JSON, `{"readings":[` + object + `]}`, "1:!", false},

		// What is not understood is not done.
		"zip archive":         {objectkey.CSV, "PK\x03\x04\x14\x00", "", true},
		"packed twice":        {objectkey.CSV, string(pack(t, pack(t, []byte(ts+",1\n")))), "", true},
		"zstd":                {objectkey.JSON, "\x28\xb5\x2f\xfd\x04\x00", "", true},
		"bzip2":               {objectkey.CSV, "BZh91AY&SY\x00", "", true},
		"sensor called BZh":   {objectkey.CSV, "BZh9,PAR1," + ts + ",1\n", "1:BZh9/PAR1=1", false},
		"Parquet":             {objectkey.JSON, "PAR1\x15\x04", "", true},
		"zeros":               {objectkey.CSV, "\x00\x00\x00\x00\n" + ts + ",1\n", "1:! 2:boiler/value=1", false},
		"utf-16, half a unit": {objectkey.CSV, utf16le("\ufeff"+ts+",1\r\n"+ts+",2") + "\x31", "1:boiler/value=1 2:!", false},
		"csv sep=,":           {objectkey.CSV, "sep=,\ntimestamp,value\n" + ts + ",1\n", "3:boiler/value=1", false},
		"csv sep=;":           {objectkey.CSV, "sep=;\ntimestamp;value\n" + ts + ";1\n", "", true},
		"utf-16 le":           {objectkey.CSV, utf16le("\ufefftimestamp,value\r\n" + ts + ",1\r\n"), "2:boiler/value=1", false},
		"utf-16 be":           {objectkey.JSON, utf16be("\ufeff" + object + "\n"), "1:boiler/value=1", false},
		"utf-16 without mark": {objectkey.CSV, utf16le("timestamp,value\n" + ts + ",1\n"), "", true},
		"utf-32":              {objectkey.CSV, "\xff\xfe\x00\x00t\x00\x00\x00", "", true},

		"empty csv":            {objectkey.CSV, "", "", false},
		"empty json":           {objectkey.JSON, "", "", false},
		"blank json":           {objectkey.JSON, " \n\n ", "", false},
		"ndjson":               {objectkey.JSON, object + "\n" + object + "\n", "1:boiler/value=1 2:boiler/value=1", false},
		"ndjson named":         {objectkey.JSON, `{"sensor_id":"a","metric":"b","timestamp":"` + ts + `","value":1}`, "1:a/b=1", false},
		"ndjson bad in middle": {objectkey.JSON, object + "\n{oops}\n\n" + object + "\n", "1:boiler/value=1 2:! 4:boiler/value=1", false},
		"ndjson long row":      {objectkey.JSON, object + "\n{\"x\":\"" + strings.Repeat("x", 5000) + "\"}\n" + object, "1:boiler/value=1 2:! 3:boiler/value=1", false},
		"ndjson behind blanks": {objectkey.JSON, "\n\n  " + object, "3:boiler/value=1", false},
		"array":                {objectkey.JSON, "[" + object + ",\n" + object + "]\n", "1:boiler/value=1 2:boiler/value=1", false},
		"array over lines":     {objectkey.JSON, "\n[\n  " + object + ",\n\n  {\n\"timestamp\":\"" + ts + "\",\n\"value\":2}\n]", "3:boiler/value=1 5:boiler/value=2", false},
		"empty array":          {objectkey.JSON, "[ \n ]", "", false},
		"array bad in middle":  {objectkey.JSON, "[" + object + ",\noops,\n" + object + "]", "1:boiler/value=1 2:! 3:boiler/value=1", false},
		"array of brackets":    {objectkey.JSON, `[{"timestamp":"` + ts + `","value":1,"note":"],}\"["},[1,2],` + object + `]`, "1:boiler/value=1 1:! 1:boiler/value=1", false},
		"array long element":   {objectkey.JSON, "[" + object + ",{\"x\":\"" + strings.Repeat("x", 5000) + "\"}," + object + "]", "1:boiler/value=1 1:! 1:boiler/value=1", false},
		"array trailing comma": {objectkey.JSON, "[" + object + ",]", "1:boiler/value=1 1:!", false},
		"array not closed":     {objectkey.JSON, "[" + object + "," + object, "1:boiler/value=1", true},
		"array and more":       {objectkey.JSON, "[" + object + "] oops", "1:boiler/value=1", true},
		"unknown format":       {"xml", "<a/>", "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packed := pack(t, []byte(test.file))
			for how, file := range map[string][]byte{"plain": []byte(test.file), "gzip": packed} {
				got, err := outcome(file, options(test.format))
				if got != test.want {
					t.Errorf("%s: got %q, want %q", how, got, test.want)
				}
				if (err != nil) != test.fails {
					t.Errorf("%s: error %v, want one: %t", how, err, test.fails)
				}
			}
		})
	}
}

func utf16le(text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

func utf16be(text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.BigEndian.AppendUint16(out, unit)
	}
	return string(out)
}

// TestWhatIsWrongWithAFile wants the word for it, and the line that shows it.
func TestWhatIsWrongWithAFile(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		line int
		says string
	}{
		"sep=;\n":                               {1, "sep=;"},
		"\nmachine,timestamp,value\n":           {2, `unknown column "machine"`},
		"wann,wieviel\n2026-03-01 12:00:00,1\n": {1, "seems to be a header"},
		"timestamp,temperature\n":               {1, "no column value"},
		"timestamp,time,value\n":                {1, `timestamp twice: "timestamp" and "time"`},
		utf16le("timestamp,value\n"):            {0, "UTF-16 without a byte order mark"},
		"\xff\xfe\x00\x00t\x00\x00\x00":         {0, "UTF-32"},
		"\n2026-03-01 12:00:00;1,5\n":           {2, "separated by semicolons"},
		"timestamp\tvalue\n":                    {1, "separated by tabs"},
		"\"timestamp\",\"value\n":               {1, "quotation marks of the header"},
		"PK\x03\x04":                            {0, "a zip archive"},
		"b,t,2026-03-01 12:00:00,1\nwas,wo,wann,wieviel\nt,c,2026-03-01 12:00:00,1\n": {2, "seems to be a header"},
	} {
		_, err := outcome([]byte(file), options(objectkey.CSV))
		if err == nil || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: %v, want %q", file, err, want.says)
		}
		var whole *parse.FileError
		if errors.As(err, &whole) != (want.line > 0) || whole != nil && (whole.Line != want.line || whole.Raw == "") {
			t.Errorf("%q: %+v, want line %d", file, whole, want.line)
		}
	}
}

func TestIgnoredColumnsAreTold(t *testing.T) {
	t.Parallel()
	for file, format := range map[string]objectkey.Format{
		"sensor_id,metric,battery,timestamp,value,unit\n":                                                   objectkey.CSV,
		`{"sensor_id":"a","metric":"m","battery":3,"timestamp":"2026-03-01 12:00:00","value":1,"unit":"C"}`: objectkey.JSON,
	} {
		var ignored []string
		o := options(format)
		o.Ignored = func(name string) { ignored = append(ignored, name) }
		if _, err := outcome([]byte(file), o); err != nil || strings.Join(ignored, " ") != "battery unit" {
			t.Errorf("%q: ignored %q, %v", file, ignored, err)
		}
	}
}

// TestGzipAsItIsSent has members one behind the other, and what may follow them.
func TestGzipAsItIsSent(t *testing.T) {
	t.Parallel()
	one := pack(t, []byte("2026-03-01 12:00:00,1\n"))
	const zeros = "\x00\x00\x00"
	for name, test := range map[string]struct {
		tail  string
		want  string
		fails bool
	}{
		"alone":              {"", "1:boiler/value=1", false},
		"two":                {string(one), "1:boiler/value=1 2:boiler/value=1", false},
		"zeros":              {strings.Repeat(zeros, 10_000), "1:boiler/value=1", false},
		"something":          {"x", "1:boiler/value=1", true},
		"something in zeros": {zeros + "x", "1:boiler/value=1", true},
		"another, cut off":   {string(one[:len(one)-3]), "1:boiler/value=1 2:boiler/value=1", true},
	} {
		got, err := outcome(append(slices.Clone(one), test.tail...), options(objectkey.CSV))
		if got != test.want || errors.Is(err, parse.ErrCorrupt) != test.fails {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestBadRowIsExplained(t *testing.T) {
	t.Parallel()
	file := "timestamp,value\n2026-03-01 12:00:00,warm\n"
	for row, err := range parse.Rows(strings.NewReader(file), options(objectkey.CSV)) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Line != 2 || row.Raw != "2026-03-01 12:00:00,warm" || !strings.Contains(row.Err.Error(), `value is "warm"`) {
			t.Errorf("got %+v", row)
		}
	}
}

func TestTruncatedGzip(t *testing.T) {
	t.Parallel()
	packed := pack(t, bytes.Repeat([]byte("2026-03-01 12:00:00,1\n"), 1000))
	for _, size := range []int{2, 5, 10, 20, len(packed) / 2, len(packed) - 8, len(packed) - 1} {
		if _, err := outcome(packed[:size], options(objectkey.CSV)); !errors.Is(err, parse.ErrCorrupt) {
			t.Errorf("cut to %d of %d bytes: got %v, want ErrCorrupt", size, len(packed), err)
		}
	}
	damaged := slices.Clone(packed)
	damaged[len(damaged)-5] ^= 0xff
	if _, err := outcome(damaged, options(objectkey.CSV)); !errors.Is(err, parse.ErrCorrupt) {
		t.Errorf("damaged: got %v, want ErrCorrupt", err)
	}
}

func TestGzipBomb(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"of lines":     bytes.Repeat([]byte("2026-03-01 12:00:00,1\n"), 100_000),
		"of one line":  bytes.Repeat([]byte("1"), 2<<20),
		"of one array": append([]byte("["), bytes.Repeat([]byte(" "), 2<<20)...),
	} {
		packed := pack(t, content)
		for _, format := range []objectkey.Format{objectkey.CSV, objectkey.JSON} {
			if _, err := outcome(packed, options(format)); !errors.Is(err, parse.ErrTooLarge) {
				t.Errorf("%s as %s: got %v, want ErrTooLarge", name, format, err)
			}
		}
	}
}

// TestGzipRatio wants a bomb stopped long before the limit of bytes, and a long
// file that only packs well taken.
func TestGzipRatio(t *testing.T) {
	t.Parallel()
	o := options(objectkey.CSV)
	o.Limits = parse.Limits{Bytes: 1 << 30, Row: 1 << 10, Ratio: 200, Free: 1 << 20}
	_, err := outcome(pack(t, bytes.Repeat([]byte("1"), 3<<20)), o)
	if !errors.Is(err, parse.ErrTooLarge) || !strings.Contains(err.Error(), "more than 200 times") {
		t.Errorf("got %v, want ErrTooLarge for the ratio", err)
	}
	var lines bytes.Buffer
	for at := time.Unix(0, 0).UTC(); lines.Len() < 3<<20; at = at.Add(time.Minute) {
		fmt.Fprintf(&lines, "%s,%d\n", at.Format(time.DateTime), at.Unix()/60%10)
	}
	if _, err := outcome(pack(t, lines.Bytes()), o); err != nil {
		t.Errorf("readings: %v", err)
	}
}

func TestConsumerMayStop(t *testing.T) {
	t.Parallel()
	for format, file := range map[objectkey.Format]string{
		objectkey.CSV:  "a\nb\nc\n",
		objectkey.JSON: "[1,2,3]",
	} {
		n := 0
		for _, err := range parse.Rows(strings.NewReader(file), options(format)) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d rows", format, n)
		}
	}
}

// TestRealFiles reads the labelled industrial data when it is at hand.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SENSOR_DATA_DIR")
	if dir == "" {
		t.Skip("SENSOR_DATA_DIR is not set: the real readings are not part of this repository")
	}
	for name, want := range map[string]int{"machine_temperature_system_failure.csv": 22695, "occupancy_6005.csv": 2380} {
		file, err := os.ReadFile(filepath.Join(dir, "nab", name))
		if err != nil {
			t.Fatal(err)
		}
		o := options(objectkey.CSV)
		o.Limits = parse.DefaultLimits()
		got := 0
		for row, err := range parse.Rows(bytes.NewReader(file), o) {
			if err != nil || row.Err != nil {
				t.Fatalf("%s: %v %v", name, err, row.Err)
			}
			got++
		}
		if got != want {
			t.Errorf("%s: %d readings, want %d", name, got, want)
		}
	}
}

func FuzzRows(f *testing.F) {
	for _, file := range []string{
		"timestamp,value\n2026-03-01 12:00:00,1\n", "a,b,2026-03-01T12:00:00Z,1", "\"", "\ufeff",
		`{"timestamp":"2026-03-01 12:00:00","value":1}`, `[{"value":1},[`, "\x1f\x8b", "\n\n[\n]",
	} {
		f.Add([]byte(file), true)
		f.Add([]byte(file), false)
	}
	f.Add(pack(f, []byte("timestamp,value\n2026-03-01 12:00:00,1\n")), true)
	f.Fuzz(func(t *testing.T, file []byte, csv bool) {
		o := options(objectkey.JSON)
		if csv {
			o.Format = objectkey.CSV
		}
		line := 0
		for row, err := range parse.Rows(bytes.NewReader(file), o) {
			if err != nil {
				continue
			}
			if row.Line < 1 || row.Line < line {
				t.Fatalf("line %d behind line %d", row.Line, line)
			}
			line = row.Line
			if row.Err == nil && row.Reading.Validate() != nil {
				t.Fatalf("the invalid reading %+v", row.Reading)
			}
			if len(row.Raw) > 1024 {
				t.Fatalf("%d bytes kept of a bad row", len(row.Raw))
			}
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	var file bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&file, "%s,%d.25\n", noon.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i)
	}
	b.SetBytes(int64(file.Len()))
	o := options(objectkey.CSV)
	o.Limits = parse.DefaultLimits()
	for b.Loop() {
		for row, err := range parse.Rows(bytes.NewReader(file.Bytes()), o) {
			if err != nil || row.Err != nil {
				b.Fatal(err, row.Err)
			}
		}
	}
}

func pack(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
