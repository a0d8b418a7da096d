const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/** Python's strftime in English, whatever the page's language: models know these names. `%-d` is without its zero. */
export function strftime(date: Date, format: string): string {
  const two = (number: number) => String(number).padStart(2, '0')
  const month = MONTHS[date.getMonth()]!
  const day = DAYS[date.getDay()]!
  const hour = date.getHours()
  const fields: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    H: two(hour),
    I: two(hour % 12 || 12),
    p: hour < 12 ? 'AM' : 'PM',
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    '%': '%',
  }
  return format.replace(/%(-?)([YymdBbAaHIpMS%])/g, (_, short: string, name: string) =>
    short === '' ? fields[name]! : fields[name]!.replace(/^0(?=\d)/, ''),
  )
}
