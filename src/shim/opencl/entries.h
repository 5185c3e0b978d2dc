// SPDX-License-Identifier: Apache-2.0
#pragma once

// Our functions by name.

namespace melon::shim {

/// The function to hand out for `name` in place of `real`: ours if the name is intercepted, else
/// `real`. Null stays null: a name is offered only where the driver has it.
void* replace_function(const char* name, void* real);

/// True for a function that could allocate or enqueue on a device past us: its name says so and it
/// is none that we know. Names of graphics objects are not meant: their memory is another
/// library's.
bool may_escape(const char* name);

/// The exported entry for a name, or null. Names of extensions have none.
void* preload_entry(const char* name);

/// Our entry for an extension's function that this driver implements as `real`. Null when more
/// drivers offer the same function than there are entries.
void* extension_entry(const char* name, void* real);

/// The same for the layer's table.
void* layer_entry(const char* name);

}  // namespace melon::shim
