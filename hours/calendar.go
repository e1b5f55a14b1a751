package hours

// Calendar is what an admin writes. [Compile] says what is wrong with one. The zero value lacks a time zone; a calendar
// with a time zone alone is never open.
type Calendar struct {
	TimeZone  string     `json:"time_zone" yaml:"time_zone"` // IANA name: "Europe/Bucharest"
	Week      Week       `json:"week" yaml:"week"`
	Holidays  Holidays   `json:"holidays" yaml:"holidays"`
	Overrides []Override `json:"overrides,omitempty" yaml:"overrides,omitempty"` // at most 400, one a date
}

// Week has the intervals that begin on each weekday, at most ten each, in any order. A day without any is closed.
type Week struct {
	Monday    []Interval `json:"monday,omitempty" yaml:"monday,omitempty"`
	Tuesday   []Interval `json:"tuesday,omitempty" yaml:"tuesday,omitempty"`
	Wednesday []Interval `json:"wednesday,omitempty" yaml:"wednesday,omitempty"`
	Thursday  []Interval `json:"thursday,omitempty" yaml:"thursday,omitempty"`
	Friday    []Interval `json:"friday,omitempty" yaml:"friday,omitempty"`
	Saturday  []Interval `json:"saturday,omitempty" yaml:"saturday,omitempty"`
	Sunday    []Interval `json:"sunday,omitempty" yaml:"sunday,omitempty"`
}

// Interval is a span of local time. A break is the time between two intervals.
type Interval struct {
	From string `json:"from" yaml:"from"` // "00:00" to "23:59", included
	To   string `json:"to" yaml:"to"`     // "00:00" to "24:00", excluded; not after From: on the next day
}

// Holidays are the dates on which no interval of the week begins.
type Holidays struct {
	Country string       `json:"country,omitempty" yaml:"country,omitempty"` // one of [Countries]; empty: no public holidays
	Own     []OwnHoliday `json:"own,omitempty" yaml:"own,omitempty"`         // at most 200
}

// OwnHoliday is a holiday that the country does not have.
type OwnHoliday struct {
	Date string `json:"date" yaml:"date"` // "2026-12-24" once, or "12-24" every year; "02-29" in leap years only
	Name string `json:"name" yaml:"name"` // 1 to 100 characters
}

// Override replaces what week and holidays say of one date.
type Override struct {
	Date      string     `json:"date" yaml:"date"`                               // "2026-12-24", 1970 to 2099
	Closed    bool       `json:"closed,omitempty" yaml:"closed,omitempty"`       // true without intervals, false with some
	Intervals []Interval `json:"intervals,omitempty" yaml:"intervals,omitempty"` // what begins on the date, at most ten
	Note      string     `json:"note,omitempty" yaml:"note,omitempty"`           // why, for people; at most 500 characters
}
