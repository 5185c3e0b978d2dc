// SPDX-License-Identifier: Apache-2.0
// Looks symbols up past our own exports, and answers the program's dlsym for OpenCL names.

#include "shim/opencl/lookup.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#include <atomic>

#include "shim/opencl/entries.h"
#include "shim/opencl/session.h"

using Dlsym = void* (*)(void*, const char*);
using Dlvsym = void* (*)(void*, const char*, const char*);

// The real dlsym and dlvsym, for the assembly entries.
#pragma GCC visibility push(hidden)
extern "C" {
void* melon_real_dlsym = nullptr;
void* melon_real_dlvsym = nullptr;
void* melon_find_dlsym();
void* melon_find_dlvsym();
int melon_is_ours(const char* name, const void* caller);
void* melon_dlsym(void* handle, const char* name);
void* melon_dlvsym(void* handle, const char* name, const char* version);
}
#pragma GCC visibility pop

namespace melon::shim {
namespace {

struct Tables {
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const uint32_t* gnu_hash = nullptr;
  const uint32_t* hash = nullptr;
};

void take_table(const ElfW(Dyn) & entry, uintptr_t address, Tables& tables) {
  switch (entry.d_tag) {
    case DT_SYMTAB:
      tables.symbols = reinterpret_cast<const ElfW(Sym)*>(address);
      break;
    case DT_STRTAB:
      tables.strings = reinterpret_cast<const char*>(address);
      break;
    case DT_GNU_HASH:
      tables.gnu_hash = reinterpret_cast<const uint32_t*>(address);
      break;
    case DT_HASH:
      tables.hash = reinterpret_cast<const uint32_t*>(address);
      break;
    default:
      break;
  }
}

Tables tables_of(const dl_phdr_info& object) {
  Tables tables;
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* entry =
        reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      // glibc has relocated these addresses already, musl has not.
      const uintptr_t value = entry->d_un.d_ptr;
      take_table(*entry, value < object.dlpi_addr ? object.dlpi_addr + value : value, tables);
    }
  }
  return tables;
}

// Not strcmp: a sanitizer, whose own it may be, looks symbols up before that can be called.
bool are_equal(const char* a, const char* b) {
  for (; *a == *b; ++a, ++b)
    if (*a == 0) return true;
  return false;
}

bool names(const Tables& tables, uint32_t index, const char* name) {
  const ElfW(Sym)& symbol = tables.symbols[index];
  return symbol.st_shndx != SHN_UNDEF && are_equal(tables.strings + symbol.st_name, name);
}

// The index of a defined symbol by the GNU hash table; 0: none.
uint32_t find_by_gnu_hash(const Tables& tables, const char* name) {
  const uint32_t buckets = tables.gnu_hash[0];
  const uint32_t first = tables.gnu_hash[1];
  const uint32_t words = tables.gnu_hash[2];
  if (buckets == 0) return 0;
  uint32_t hash = 5381;
  for (const char* c = name; *c != 0; ++c) hash = hash * 33 + static_cast<unsigned char>(*c);
  const uint32_t* const bucket = tables.gnu_hash + 4 + words * (sizeof(ElfW(Addr)) / 4);
  const uint32_t* const chain = bucket + buckets;
  uint32_t index = bucket[hash % buckets];
  if (index < first) return 0;
  for (;; ++index) {
    if ((chain[index - first] | 1U) == (hash | 1U) && names(tables, index, name)) return index;
    if ((chain[index - first] & 1U) != 0) return 0;
  }
}

uint32_t find_by_hash(const Tables& tables, const char* name) {
  const uint32_t count = tables.hash[1];
  for (uint32_t i = 1; i < count; ++i)
    if (names(tables, i, name)) return i;
  return 0;
}

void* find_in_object(const dl_phdr_info& object, const char* name) {
  const Tables tables = tables_of(object);
  if (tables.symbols == nullptr || tables.strings == nullptr) return nullptr;
  uint32_t index = 0;
  if (tables.gnu_hash != nullptr)
    index = find_by_gnu_hash(tables, name);
  else if (tables.hash != nullptr)
    index = find_by_hash(tables, name);
  if (index == 0) return nullptr;
  return reinterpret_cast<void*>(object.dlpi_addr + tables.symbols[index].st_value);
}

bool contains(const dl_phdr_info& object, const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object.dlpi_phdr[i];
    const uintptr_t begin = object.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && wanted >= begin && wanted - begin < part.p_memsz) return true;
  }
  return false;
}

bool is_loader_file(const char* path) {
  const char* const slash = strrchr(path, '/');
  const char* const file = slash != nullptr ? slash + 1 : path;
  return strncmp(file, "libOpenCL", 9) == 0;
}

struct Search {
  const char* name;
  const void* address;
  bool past_us;
  void* found;
};

int visit_past_us(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (contains(*object, &melon_real_dlsym)) {
    search.past_us = true;
    return 0;
  }
  // Loaded before us: the program itself, whose own would be its private one. When we are
  // opened late (as a layer) the libc lies before us, so take it unless a later one is found.
  void* const found = find_in_object(*object, search.name);
  if (found == nullptr) return 0;
  search.found = found;
  return search.past_us ? 1 : 0;
}

int visit_for_loader(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (!is_loader_file(object->dlpi_name)) return 0;
  search.found = find_in_object(*object, search.name);
  return search.found != nullptr ? 1 : 0;
}

int visit_for_address(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (!contains(*object, search.address)) return 0;
  search.past_us = is_loader_file(object->dlpi_name);
  return 1;
}

// A function that is exported by us too: the definition behind ours, or null. In the ELF tables,
// since every reference from here would bind to ours; works on any libc. Kept in `known`.
void* find_real(void*& known, const char* name) {
  void* real = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (real != nullptr) return real;
  Search search{name, nullptr, false, nullptr};
  dl_iterate_phdr(visit_past_us, &search);
  real = search.found;
  __atomic_store_n(&known, real, __ATOMIC_RELAXED);
  return real;
}

// What the program gets for one of our names, for which the real look-up found `found`.
void* replace_found(const char* name, void* found) {
  void* const ours = preload_entry(name);
  // RTLD_DEFAULT finds ours first; it is offered only where a loader has the function.
  if (found == nullptr) return nullptr;
  if (found == ours) return find_in_loader(name) != nullptr ? ours : nullptr;
  return is_in_loader(found) ? ours : found;
}

// The next definition after ours in the global scope, when the name lies in a loader.
void* next_in_scope(const char* name) {
  const auto real = reinterpret_cast<Dlsym>(melon_find_dlsym());
  return real != nullptr ? real(RTLD_NEXT, name) : nullptr;
}

}  // namespace

void* find_in_loader(const char* name) {
  if (void* const next = next_in_scope(name); next != nullptr) return next;
  Search search{name, nullptr, false, nullptr};
  dl_iterate_phdr(visit_for_loader, &search);
  return search.found;
}

bool is_in_loader(const void* address) {
  Search search{nullptr, address, false, nullptr};
  dl_iterate_phdr(visit_for_address, &search);
  return search.past_us;
}

}  // namespace melon::shim

void* melon_find_dlsym() { return melon::shim::find_real(melon_real_dlsym, "dlsym"); }
void* melon_find_dlvsym() { return melon::shim::find_real(melon_real_dlvsym, "dlvsym"); }

// Only names that begin with "cl" come here. A loader's own look-ups (in drivers) stay its own.
int melon_is_ours(const char* name, const void* caller) {
  using namespace melon::shim;
  if (preload_entry(name) != nullptr) return is_in_loader(caller) ? 0 : 1;
  if (may_escape(name) && !is_in_loader(caller) && find_in_loader(name) != nullptr)
    raise_flag(melon::abi::kFlagUnknownSymbol);
  return 0;
}

void* melon_dlsym(void* handle, const char* name) {
  const auto real = reinterpret_cast<Dlsym>(melon_find_dlsym());
  return real == nullptr ? nullptr : melon::shim::replace_found(name, real(handle, name));
}

void* melon_dlvsym(void* handle, const char* name, const char* version) {
  const auto real = reinterpret_cast<Dlvsym>(melon_find_dlvsym());
  return real == nullptr ? nullptr : melon::shim::replace_found(name, real(handle, name, version));
}
