// SPDX-License-Identifier: Apache-2.0
// A binary that is nothing but the probe, for tests of discovery.
#include "devlib/opencl_probe.h"

int main(int count, char** arguments) {
  if (count < 2) return 2;
  return melon::devlib::run_opencl_probe({arguments + 2, arguments + count});
}
