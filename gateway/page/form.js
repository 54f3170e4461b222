// Forms from JSON Schemas: which fields there are, and what their texts mean. Pure.

export const fields = (schema) => {
  const required = new Set(schema?.required ?? []);
  return Object.entries(schema?.properties ?? {}).map(([name, part]) => field(name, part, required.has(name)));
};

export const field = (name, part, required) => {
  const choices = part.enum ?? part.anyOf?.find((one) => one.enum)?.enum ?? null;
  const type = Array.isArray(part.type) ? part.type[0] : part.type ?? part.anyOf?.find((one) => one.type)?.type;
  let kind = "text";
  if (choices) kind = "choice";
  else if (type === "boolean") kind = "boolean";
  else if (type === "integer" || type === "number") kind = type;
  else if (type === "object" || type === "array") kind = "json";
  return {
    name, kind, choices, required,
    least: part.minimum ?? part.exclusiveMinimum ?? null,
    most: part.maximum ?? part.exclusiveMaximum ?? null,
    longest: part.maxLength ?? null,
    initial: part.default,
    help: [part.description, limits(part)].filter(Boolean).join(" "),
    schema: part,
  };
};

const limits = (part) => {
  const least = part.minimum ?? null;
  const most = part.maximum ?? null;
  if (least !== null && most !== null) return `(${least} to ${most})`;
  if (least !== null) return `(at least ${least})`;
  if (most !== null) return `(at most ${most})`;
  return part.maxLength ? `(at most ${part.maxLength} characters)` : "";
};

export const initial = (one) => {
  if (one.kind === "boolean") return one.initial === true;
  if (one.initial === undefined) return one.kind === "choice" && one.required ? String(one.choices[0]) : "";
  return one.kind === "json" ? JSON.stringify(one.initial) : String(one.initial);
};

// The value of a field, or why it has none. `undefined` as value: the field is left out.
export const parsed = (one, text) => {
  if (one.kind === "boolean") return {value: text === true};
  if (text === "" || text === undefined) {
    return one.required ? {error: "is needed"} : {value: undefined};
  }
  if (one.kind === "choice") return {value: one.choices.find((choice) => String(choice) === text)};
  if (one.kind === "integer" || one.kind === "number") return number(one, text);
  if (one.kind === "json") {
    try {
      return {value: JSON.parse(text)};
    } catch {
      return {error: "is no JSON"};
    }
  }
  return one.longest !== null && text.length > one.longest
    ? {error: `has at most ${one.longest} characters`}
    : {value: text};
};

const number = (one, text) => {
  const value = Number(text.trim().replace(",", "."));
  if (!Number.isFinite(value) || text.trim() === "") return {error: "is no number"};
  if (one.kind === "integer" && !Number.isInteger(value)) return {error: "is no whole number"};
  if (one.least !== null && value < one.least) return {error: `is at least ${one.least}`};
  if (one.most !== null && value > one.most) return {error: `is at most ${one.most}`};
  return {value};
};

// All values of a form, or the errors of its fields.
export const collected = (all, texts) => {
  const values = {};
  const errors = {};
  for (const one of all) {
    const {value, error} = parsed(one, texts[one.name] ?? initial(one));
    if (error) errors[one.name] = error;
    else if (value !== undefined) values[one.name] = value;
  }
  return {values, errors};
};
