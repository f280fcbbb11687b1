package redact

import "reflect"

// Value takes secrets out of every text in what v points to: of strings in
// structs, slices, maps and pointers, as far as they are exported.
func (r *Redactor) Value(v any) { r.value(reflect.ValueOf(v)) }

func (r *Redactor) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.value(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() || field.Anonymous {
				r.value(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			r.value(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			// A map's values cannot be changed in place.
			element := reflect.New(v.Type().Elem()).Elem()
			element.Set(v.MapIndex(key))
			r.value(element)
			v.SetMapIndex(key, element)
		}
	case reflect.String:
		// What is clean is not written to: someone may be reading it.
		if clean := r.Text(v.String()); clean != v.String() && v.CanSet() {
			v.SetString(clean)
		}
	default:
	}
}
