// SPDX-License-Identifier: Apache-2.0
// Closing of owned file descriptors.
#include "os/descriptor.h"

#include <unistd.h>

namespace melon::os {

void Descriptor::reset() {
  if (*this) ::close(release());
}

}  // namespace melon::os
