/* SPDX-License-Identifier: MIT
 *
 * Writing SVG. Colours stand in plain rules, which a media query overrides: viewers that know no media queries show the light
 * ones.
 */
#include "cli/svg.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char shared_style[] =
    "text{font:14px system-ui,-apple-system,sans-serif;fill:#1f2328}.strong{font-weight:600}.small{font-size:12px}"
    ".middle{text-anchor:middle}.end{text-anchor:end}.soft{fill:#59636e}.paper{fill:#fff}"
    ".line{stroke:#59636e}.grid{stroke:#d8dee4}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.soft{fill:#9198a1}.paper{fill:#0d1117}"
    ".line{stroke:#9198a1}.grid{stroke:#30363d}}";

void svg_begin(FILE *file, double width, double height, const char *title, const char *style) {
  fprintf(file,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" viewBox=\"0 0 %g %g\" role=\"img\">\n<title>",
          width, height, width, height);
  svg_escape(file, title);
  fprintf(file, "</title>\n<style>%s%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n", shared_style, style);
}

void svg_end(FILE *file) { fputs("</svg>\n", file); }

/* The code point at *text, which moves behind it; -1 where there is none that XML may contain (XML 1.0, 2.2), behind one byte. */
static int32_t next_character(const unsigned char **text) {
  const unsigned char *byte = *text;
  size_t more = *byte < 0x80 ? 0 : *byte >= 0xF0 && *byte < 0xF5 ? 3 : *byte >= 0xE0 && *byte < 0xF0 ? 2 : *byte >= 0xC2 ? 1 : 9;
  ++*text;
  if (more == 9 || *byte >= 0xF5) return -1;
  int32_t code = more ? *byte & (0x3F >> more) : *byte;
  for (size_t i = 1; i <= more; i++) {
    if ((byte[i] & 0xC0) != 0x80) return -1;
    code = code << 6 | (byte[i] & 0x3F);
  }
  bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
  bool forbidden = (code < 0x20 && code != '\t' && code != '\n' && code != '\r') || (code >= 0xD800 && code < 0xE000) ||
                   code == 0xFFFE || code == 0xFFFF || code > 0x10FFFF;
  if (overlong || forbidden) return -1;
  *text += more;
  return code;
}

void svg_escape(FILE *file, const char *text) {
  const unsigned char *at = (const unsigned char *)text;
  while (*at) {
    const unsigned char *begin = at;
    switch (next_character(&at)) {
    case '&': fputs("&amp;", file); break;
    case '<': fputs("&lt;", file); break;
    case '>': fputs("&gt;", file); break;
    case '"': fputs("&quot;", file); break;
    case '\'': fputs("&#39;", file); break;
    case -1: fputs("\uFFFD", file); break;
    default: fwrite(begin, 1, (size_t)(at - begin), file);
    }
  }
}

void svg_text(FILE *file, double x, double y, const char *classes, const char *format, ...) {
  char text[256];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  fprintf(file, "<text x=\"%.6g\" y=\"%.6g\" class=\"%s\">", x, y, classes);
  svg_escape(file, text);
  fputs("</text>\n", file);
}

void svg_line(FILE *file, double x1, double y1, double x2, double y2, const char *classes) {
  fprintf(file, "<line x1=\"%.6g\" y1=\"%.6g\" x2=\"%.6g\" y2=\"%.6g\" class=\"%s\"/>\n", x1, y1, x2, y2, classes);
}
