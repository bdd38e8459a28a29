# Turn the text graphs into one C file: a string per line, so that no compiler limit is met.
set(code "/* Made from the text graphs of lib/backbones by embed.cmake. */\n#include <string.h>\n\n#include \"nn/graph.h\"\n\n")
set(table "")
foreach(graph IN LISTS GRAPHS)
  get_filename_component(name ${graph} NAME_WE)
  file(STRINGS ${graph} lines)
  string(APPEND code "static const char ${name}[] =\n")
  foreach(line IN LISTS lines)
    string(APPEND code "    \"${line}\\n\"\n")
  endforeach()
  string(APPEND code "    ;\n\n")
  string(APPEND table "    {\"${name}\", ${name}},\n")
endforeach()
string(APPEND code "static const struct {\n    const char *name, *text;\n} graphs[] = {\n${table}};\n\n")
string(APPEND code [[
int32_t adi_builtin_graph_count(void)
{
    return (int32_t)(sizeof graphs / sizeof *graphs);
}

const char *adi_builtin_graph_name(int32_t index)
{
    return index >= 0 && index < adi_builtin_graph_count() ? graphs[index].name : NULL;
}

const char *adi_builtin_graph_text(const char *name)
{
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        if (strcmp(graphs[i].name, name) == 0)
            return graphs[i].text;
    return NULL;
}
]])
file(WRITE ${OUTPUT} "${code}")
