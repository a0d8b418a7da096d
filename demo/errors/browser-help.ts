/** How to get WebGPU, for the browser and the system that a user agent string names. */
export function webGpuHelp(userAgent: string, isSecureContext: boolean): string {
  if (!isSecureContext) {
    return 'Browsers offer WebGPU only on https pages and on localhost. Open this page by such an address.'
  }
  const android = /Android/.test(userAgent)
  const apple = /iPhone|iPad/.test(userAgent)
  const mac = /Macintosh/.test(userAgent) && !apple
  const windows = /Windows/.test(userAgent)
  const firefox = /Firefox\//.test(userAgent)
  const chromium = /Chrome\//.test(userAgent)
  if (apple)
    return 'On iPhone and iPad, Safari has WebGPU from iOS 26 on: update the system in Settings › General.'
  if (android)
    return 'On Android, Chrome 121 or newer has WebGPU on Android 12 and later: update Chrome and the system.'
  if (mac && !chromium && !firefox)
    return 'Safari has WebGPU from version 26 on. Update macOS, or use Chrome or Edge.'
  if (firefox) {
    return windows
      ? 'Firefox on Windows has WebGPU from version 141 on: update it, or use Chrome or Edge.'
      : 'Use Chrome or Edge here; in Firefox, WebGPU can be switched on in about:config with dom.webgpu.enabled.'
  }
  if (windows || mac) {
    return 'Chrome and Edge have WebGPU from version 113 on: update the browser, and check that “Use graphics acceleration” is on in its settings under System.'
  }
  return 'In Chrome on Linux, open chrome://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and restart the browser.'
}
