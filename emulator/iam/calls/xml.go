package calls

import (
	"encoding/xml"

	"sensor-backend/emulator/awsapi"
)

// readXML reads what a body to S3 says of keys and tags.
func (q *request) readXML(body Body) error {
	raw, err := body()
	if err != nil || len(raw) == 0 {
		return err
	}
	type tag struct {
		Key   string `xml:"Key"`
		Value string `xml:"Value"`
	}
	var in struct {
		Objects []struct {
			Key     string `xml:"Key"`
			Version string `xml:"VersionId"`
		} `xml:"Object"`
		Tags  []tag `xml:"Tags>Tag"`
		Given []tag `xml:"TagSet>Tag"`
	}
	if err := xml.Unmarshal(raw, &in); err != nil {
		return awsapi.Errorf("MalformedXML", "reading the body: %v", err)
	}
	for _, o := range in.Objects {
		if o.Version == "" {
			q.set("Key", o.Key)
		} else {
			q.set("VersionedKey", o.Key)
		}
	}
	for _, t := range append(in.Tags, in.Given...) {
		q.tags[t.Key] = t.Value
	}
	return nil
}
