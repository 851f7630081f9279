// Written by `aigate integrate`: asks aigate before a tool is used. Whatever goes wrong denies.
import { spawnSync } from "node:child_process"

export const Aigate = async ({ directory }) => ({
  "tool.execute.before": async (input, output) => {
    const event = { opencode: 1, cwd: directory, tool: input.tool, args: output.args ?? {} }
    const asked = spawnSync("{program}", ["hook", "opencode"], {
      input: JSON.stringify(event),
      encoding: "utf8",
      timeout: 10000,
    })
    if (asked.error || asked.status !== 0) {
      throw new Error(asked.stderr || `aigate: its hook did not answer: ${asked.error ?? asked.status}`)
    }
  },
})
