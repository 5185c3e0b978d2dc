// SPDX-License-Identifier: Apache-2.0
// Reads what matters of an ELF file; every offset in it is foreign and checked.
#include "cli/elf_file.h"

#include <elf.h>
#include <link.h>

#include <array>
#include <cstring>
#include <fstream>
#include <vector>

namespace melon::cli {
namespace {

constexpr std::size_t kMaxTable = 64 << 20;  // a dynamic string table beyond this is not searched

#if defined(__x86_64__)
constexpr int kOwnMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kOwnMachine = EM_AARCH64;
#else
constexpr int kOwnMachine = EM_NONE;
#endif

struct Sanitizer {
  const char* name;
  const char* symbol;
  const char* library;
};
constexpr std::array kSanitizers = {Sanitizer{"AddressSanitizer", "__asan_init", "libasan.so"},
                                    Sanitizer{"ThreadSanitizer", "__tsan_init", "libtsan.so"},
                                    Sanitizer{"MemorySanitizer", "__msan_init", "libmsan.so"}};

class Reader {
 public:
  explicit Reader(const std::string& path) : file_(path, std::ios::binary) {}

  template <class T>
  bool read(std::uint64_t offset, T& value) {
    return read_bytes(offset, reinterpret_cast<char*>(&value), sizeof value);
  }
  std::optional<std::string> read_text(std::uint64_t offset, std::uint64_t size) {
    if (size > kMaxTable) return std::nullopt;
    std::string text(size, '\0');
    if (!read_bytes(offset, text.data(), text.size())) return std::nullopt;
    return text;
  }

 private:
  bool read_bytes(std::uint64_t offset, char* to, std::size_t size) {
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(offset));
    return static_cast<bool>(file_.read(to, static_cast<std::streamsize>(size)));
  }

  std::ifstream file_;
};

std::vector<Elf64_Phdr> program_headers(Reader& reader, const Elf64_Ehdr& head) {
  std::vector<Elf64_Phdr> headers;
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr header{};
    if (!reader.read(head.e_phoff + std::uint64_t{i} * head.e_phentsize, header)) break;
    headers.push_back(header);
  }
  return headers;
}

std::optional<std::uint64_t> file_offset(const std::vector<Elf64_Phdr>& headers,
                                         std::uint64_t address) {
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_LOAD && address >= header.p_vaddr &&
        address - header.p_vaddr < header.p_filesz)
      return header.p_offset + (address - header.p_vaddr);
  }
  return std::nullopt;
}

// The names of needed libraries and of dynamic symbols, all in one string table.
std::string dynamic_strings(Reader& reader, const std::vector<Elf64_Phdr>& headers,
                            const Elf64_Phdr& dynamic) {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic.p_filesz; at += sizeof(Elf64_Dyn)) {
    Elf64_Dyn entry{};
    if (!reader.read(dynamic.p_offset + at, entry) || entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_STRTAB) address = entry.d_un.d_ptr;
    if (entry.d_tag == DT_STRSZ) size = entry.d_un.d_val;
  }
  const auto offset = file_offset(headers, address);
  return offset ? reader.read_text(*offset, size).value_or("") : "";
}

void read_segments(Reader& reader, const Elf64_Ehdr& head, ElfFile& file) {
  const auto headers = program_headers(reader, head);
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_INTERP)
      file.interpreter = reader.read_text(header.p_offset, header.p_filesz).value_or("").c_str();
    if (header.p_type != PT_DYNAMIC) continue;
    const std::string strings = dynamic_strings(reader, headers, header);
    for (const Sanitizer& sanitizer : kSanitizers)
      if (strings.find(sanitizer.symbol) != std::string::npos ||
          strings.find(sanitizer.library) != std::string::npos)
        file.sanitizer = sanitizer.name;
  }
}

}  // namespace

std::optional<ElfFile> read_elf_file(const std::string& path) {
  Reader reader(path);
  Elf64_Ehdr head{};
  std::array<unsigned char, EI_NIDENT> ident{};
  if (!reader.read(0, ident) || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0)
    return std::nullopt;
  ElfFile file;
  file.is_64_bit = ident[EI_CLASS] == ELFCLASS64;
  if (!file.is_64_bit) return file;
  if (!reader.read(0, head)) return std::nullopt;
  file.is_own_machine = head.e_machine == kOwnMachine;
  read_segments(reader, head, file);
  return file;
}

}  // namespace melon::cli
