import type { DeviceInfo } from '../src/gpu/device'

export function adapterName({
  device,
}: {
  readonly device: Pick<DeviceInfo, 'vendor' | 'architecture' | 'device' | 'description'>
}): string {
  return [device.vendor, device.architecture, device.description].filter(Boolean).join(' ')
}
