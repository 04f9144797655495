#include "plugin/elf_exports.hpp"

#include <link.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace eventbus::host {
namespace {

class ElfFile {
 public:
  explicit ElfFile(const std::filesystem::path& path) : file_(path, std::ios::binary) {
    if (!file_) throw std::runtime_error(std::string("it can't be read: ") + std::strerror(errno));
    std::error_code failed;
    size_ = std::filesystem::file_size(path, failed);
    if (failed) throw std::runtime_error("it can't be read: " + failed.message());
  }

  std::uint64_t size() const noexcept { return size_; }

  // `count` items at `offset`; whatever the file claims, no more is read than it has.
  template <class Item>
  std::vector<Item> read(std::uint64_t offset, std::uint64_t count) {
    if (offset > size_ || count > (size_ - offset) / sizeof(Item)) throw std::runtime_error("it is cut off or damaged");
    std::vector<Item> items(count);
    file_.seekg(static_cast<std::streamoff>(offset));
    file_.read(reinterpret_cast<char*>(items.data()), static_cast<std::streamsize>(count * sizeof(Item)));
    if (!file_) throw std::runtime_error("it is cut off or damaged");
    return items;
  }

 private:
  std::ifstream file_;
  std::uint64_t size_ = 0;
};

ElfW(Ehdr) checked_header(ElfFile& file) {
  if (file.size() == 0) throw std::runtime_error("it is an empty file, no shared library");
  auto start = file.read<unsigned char>(0, std::min<std::uint64_t>(file.size(), 64));
  if (start.size() < SELFMAG || std::memcmp(start.data(), ELFMAG, SELFMAG) != 0) {
    bool text = std::none_of(start.begin(), start.end(),
                             [](unsigned char c) { return c < 32 && c != '\n' && c != '\r' && c != '\t'; });
    throw std::runtime_error(text ? "it is a text file, no shared library" : "it is no shared library (not ELF)");
  }
  constexpr int kNativeClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  constexpr int kNativeData = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (start.size() <= EI_DATA || start[EI_CLASS] != kNativeClass || start[EI_DATA] != kNativeData) {
    throw std::runtime_error("it is built for another kind of machine");
  }
  auto header = file.read<ElfW(Ehdr)>(0, 1)[0];
  if (header.e_type != ET_DYN) throw std::runtime_error("it is ELF, but no shared library");
  if (header.e_shentsize != sizeof(ElfW(Shdr))) throw std::runtime_error("it has no section table");
  return header;
}

}  // namespace

std::vector<std::string> elf_exports(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) throw std::runtime_error("it is a directory");
  ElfFile file(path);
  const auto header = checked_header(file);
  const auto sections = file.read<ElfW(Shdr)>(header.e_shoff, header.e_shnum);
  std::vector<std::string> names;
  for (const auto& section : sections) {
    if (section.sh_type != SHT_DYNSYM) continue;
    if (section.sh_link >= sections.size()) throw std::runtime_error("it is cut off or damaged");
    const auto symbols = file.read<ElfW(Sym)>(section.sh_offset, section.sh_size / sizeof(ElfW(Sym)));
    const auto text = file.read<char>(sections[section.sh_link].sh_offset, sections[section.sh_link].sh_size);
    for (const auto& symbol : symbols) {
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= text.size()) continue;
      auto begin = text.begin() + static_cast<std::ptrdiff_t>(symbol.st_name);
      names.emplace_back(begin, std::find(begin, text.end(), '\0'));
    }
  }
  return names;
}

}  // namespace eventbus::host
