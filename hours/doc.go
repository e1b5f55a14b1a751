// Package hours answers when a business is open: at an instant, when next, and how much business time lies between two
// instants. A [Calendar] is what an admin writes; [Compile] checks it and makes the [Hours] that answer. The package is
// pure: it reads no clock, every query takes its time, and the answers are exact to the nanosecond.
//
// # What a calendar means
//
// Each local date has its intervals: those of its override if it has one, else none if it is a holiday, else those of its
// weekday. Only the date on which an interval begins counts. A night shift that began on the evening before a holiday, or
// before a date with an override, runs to its end; to cut it, give the evening before an override. In the same way the
// shift that begins on the evening of a holiday does not take place, with its hours after midnight.
//
// An interval includes its beginning and excludes its end. One whose end is not after its beginning ends on the next day:
// 22:00–06:00 is a night, 09:00–09:00 is 24 hours, and 00:00–24:00 and 00:00–00:00 are the whole day. Intervals that
// overlap or touch are one, also across midnight: Monday 00:00–24:00 and Tuesday 00:00–24:00 know no closing between them.
//
// # When clocks change
//
// An interval is one span of wall-clock time. It begins at the first instant at which clocks have reached its beginning,
// and ends when they show times before its end for the last time. From this follows:
//
//   - A time that does not exist (02:30 where clocks go from 02:00 to 03:00) is the instant of the change, as a beginning
//     and as an end. An interval that lies inside the gap does not take place.
//   - A time that exists twice is the first of the two as a beginning and the last as an end. So a shift is never cut into
//     two, and nobody finds the door closed while a clock shows an hour of business; in exchange, a break that lies within
//     the repeated hour does not take place, and 02:15–02:45 inside it is one span of 90 minutes.
//   - Durations are elapsed time: the night shift 22:00–06:00 has seven hours in spring and nine in autumn.
//
// # Limits
//
// Every calendar is closed before 1970 and from 2100 (UTC) on: the Orthodox Easter of the library behind the public
// holidays holds for that time, and no query can run away. Queries that look for something look no further than [Horizon].
package hours
