"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const axis = byId("axis"), grid = byId("grid"), list = byId("lanes"), panel = byId("details");
  const length = Math.max(data.length, 1) * 1.02;
  const jobs = new Map(data.jobs.map((job) => [job.id, job]));
  const machines = new Map(data.machines.map((machine) => [machine.id, machine]));
  const lanes = [];

  // Every value from the run enters the page as text, never as markup.
  const make = (tag, classes = "", ...children) => {
    const element = document.createElement(tag);
    if (classes) element.className = classes;
    element.append(...children);
    return element;
  };
  const bdi = (text) => make("bdi", "", text);
  const seconds = (value) => (value === null ? "unknown" : `${value.toFixed(1)} s`);
  const dollars = (value) => {
    if (value === null) return "unknown";
    const rounded = Number(value.toPrecision(2));
    return `$${value.toFixed(rounded > 0 ? Math.max(2, 1 - Math.floor(Math.log10(rounded))) : 2)}`;
  };
  const known = ["success", "failure", "cancelled", "skipped"];
  const kind = (outcome) => (known.includes(outcome) ? outcome : "open");
  const percent = (moment) => `${(100 * moment) / length}%`;
  const at = (element, start, end = null) => {
    element.style.left = percent(start);
    if (end !== null) element.style.width = percent(Math.max(end - start, 0));
    return element;
  };

  // The axis

  const drawAxis = () => {
    const most = axis.clientWidth / 64;
    const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((each) => length / each <= most) ?? 7200;
    axis.querySelectorAll(".tick").forEach((each) => each.remove());
    grid.querySelectorAll(".rule").forEach((each) => each.remove());
    for (let moment = 0; moment <= length * 0.985; moment += step) {
      axis.append(at(make("span", "tick", `${moment} s`), moment));
      grid.append(at(make("i", "rule"), moment));
    }
    placeBadges();
  };
  const badges = data.marks.map((mark) => {
    const badge = make("button", `badge ${mark.outcome}`, String(mark.number));
    badge.type = "button";
    badge.setAttribute("aria-label", `Mishap ${mark.number} at ${seconds(mark.at)}: ${mark.text}. ${mark.answer}`);
    axis.append(at(badge, mark.at));
    grid.append(at(make("i", "mark"), mark.at));
    return badge;
  });
  // Marks that would cover one another stand in rows.
  const placeBadges = () => {
    const ends = [];
    badges.forEach((badge, index) => {
      const place = (data.marks[index].at / length) * axis.clientWidth;
      let row = ends.findIndex((end) => place - end > 22);
      if (row < 0) row = ends.length;
      ends[row] = place;
      badge.style.setProperty("--row", String(row));
    });
    axis.style.setProperty("--rows", String(ends.length));
  };

  // The lanes

  const nameOf = (title, more) => make("div", "name", bdi(title), make("small", "", bdi(more)));
  const jobTrack = (job) => {
    const track = make("div", "track");
    if (job.outcome === "skipped") {
      track.append(at(make("i", "bar skip"), job.queued));
      return track;
    }
    const machine = machines.get(job.machine);
    const end = Math.max(job.completed ?? data.length, job.off ?? (machine ? data.length : 0));
    track.append(at(make("i", "bar rail"), job.queued, end));
    for (const piece of job.pieces) track.append(at(make("i", `bar piece ${piece.actor}`), piece.start, piece.end));
    if (job.started !== null) {
      track.append(at(make("i", `bar run ${kind(job.outcome)}`), job.started, job.completed ?? data.length));
    } else if (job.completed !== null) {
      track.append(at(make("i", `bar run end ${kind(job.outcome)}`), job.completed));
    }
    if (job.off !== null) track.append(at(make("i", "bar off"), job.off));
    return track;
  };
  const usersOf = (machine) => machine.jobs.map((id) => title(jobs.get(id))).join(", ") || "used by nobody";
  const machineTrack = (machine) => {
    const track = make("div", "track");
    const state = `${machine.lifecycle === "spot" ? "spot" : "on-demand"}${machine.end === null ? " running" : ""}`;
    track.append(at(make("i", `bar life machine ${state}`), machine.start, machine.end ?? data.length));
    machine.jobs.map((id) => jobs.get(id)).filter((job) => job.started !== null).forEach((job) => {
      track.append(at(make("i", `bar run ${kind(job.outcome)}`), job.started, job.completed ?? data.length));
    });
    if (machine.end !== null) track.append(at(make("i", "bar off"), machine.end));
    // Beside the bar, on whichever side has more room.
    const user = make("span", "user", bdi(usersOf(machine)));
    if (machine.start > length - (machine.end ?? length)) {
      user.classList.add("before");
      user.style.right = percent(length - machine.start);
      user.style.maxWidth = percent(machine.start);
    } else {
      user.style.left = percent(machine.end ?? length);
      user.style.maxWidth = percent(length - (machine.end ?? length));
    }
    track.append(user);
    return track;
  };
  const place = (machine) => `${machine.type} · ${machine.zone} · ${machine.lifecycle}`;
  const price = (machine) => (machine.hourly === null ? "price unknown" : `$${machine.hourly.toFixed(4)}/h`);
  const title = (job) => (job.attempt > 1 ? `${job.name} (attempt ${job.attempt})` : job.name);
  const spoken = (job) => {
    const parts = [title(job), job.outcome];
    if (job.repaired) parts.push("mended by a later attempt");
    if (job.waited !== null) parts.push(`waited ${seconds(job.waited)}`);
    if (job.ran !== null) parts.push(`ran ${seconds(job.ran)}`);
    if (job.machine) parts.push(`on ${job.machine}`);
    return parts.join(", ");
  };
  // What befell a machine befell the job that it was running, too.
  const marksOf = (lane) => data.marks.filter((mark) => mark.subject === lane.id || (lane.job && lane.job.machine && mark.subject === lane.job.machine));
  const marked = (lane) => marksOf(lane).map((mark) => `${mark.text} ${mark.answer} ${mark.outcome}`);
  const addLane = (group, lane, name, track, label) => {
    const element = make("div", "lane", name, track);
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", "false");
    element.setAttribute("aria-label", label);
    element.dataset.id = lane.id;
    element.tabIndex = -1;
    marksOf(lane).forEach((mark) => {
      track.append(at(make("span", `badge ${mark.outcome}`, String(mark.number)), mark.at));
    });
    group.append(element);
    lanes.push({ ...lane, element, group });
  };
  const addGroup = (title) => {
    const group = make("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", title);
    const heading = make("div", "group", bdi(title));
    heading.setAttribute("aria-hidden", "true");
    group.append(heading);
    list.append(group);
    return group;
  };
  const words = (job) => [title(job), job.workflow, job.outcome, job.id, ...job.labels];
  const about = (machine) => [machine.id, machine.type, machine.zone, machine.lifecycle];
  const groups = new Map();
  for (const job of data.jobs) {
    const heading = job.workflow || "Jobs";
    if (!groups.has(heading)) groups.set(heading, addGroup(heading));
    const machine = machines.get(job.machine);
    const hay = [...words(job), ...(machine ? about(machine) : []), ...marked({ id: job.id, job })].join(" ").toLowerCase();
    const others = new Set([...(machine ? [machine.id] : []), ...job.attempts]);
    addLane(groups.get(heading), { id: job.id, job, hay, others }, nameOf(title(job), job.labels.join(" ")), jobTrack(job), spoken(job));
  }
  const park = data.machines.length ? addGroup("Machines") : null;
  for (const machine of data.machines) {
    const users = machine.jobs.map((id) => jobs.get(id));
    const hay = [...about(machine), ...users.flatMap(words), ...marked({ id: machine.id })].join(" ").toLowerCase();
    const label = `${machine.id}, ${place(machine)}, ${usersOf(machine)}`;
    const name = nameOf(`${machine.type} ${machine.lifecycle}`, `${machine.zone} · ${price(machine)}`);
    addLane(park, { id: machine.id, machine, hay, others: new Set(machine.jobs) }, name, machineTrack(machine), label);
  }

  // Details

  let pinned = null;
  const facts = (pairs) => {
    const found = make("dl");
    for (const [term, value] of pairs) if (value !== null && value !== "") found.append(make("dt", "", term), make("dd", "", value));
    return found;
  };
  const told = (lane) => {
    const marks = marksOf(lane);
    if (!marks.length) return [];
    return [make("h4", "", "Mishaps"), ...marks.map((mark) => make("p", "told", bdi(`${mark.number}. ${mark.text}`), make("small", mark.outcome, bdi(mark.answer))))];
  };
  const outcome = (job) => make("span", `outcome ${kind(job.outcome)}`, job.outcome);
  const aboutJob = (job) => {
    const machine = machines.get(job.machine);
    const rows = job.pieces.map((piece) => make("li", "", make("i", `swatch ${piece.actor}`), bdi(piece.name), make("small", "", `at ${piece.start.toFixed(1)}`), make("span", "", `${(piece.end - piece.start).toFixed(2)} s`)));
    if (job.started !== null) rows.push(make("li", "", make("i", `swatch ${kind(job.outcome)}`), "job", make("small", "", `at ${job.started.toFixed(1)}`), make("span", "", job.ran === null ? "not over" : `${job.ran.toFixed(2)} s`)));
    const start = (row) => parseFloat(row.querySelector("small").textContent.slice(3));
    rows.sort((one, other) => start(one) - start(other));
    return [
      make("h3", "", bdi(title(job))),
      facts([
        ["Outcome", outcome(job)], ["Why", job.broken && bdi(job.broken)],
        ["Then", job.repaired ? "a later attempt ended well" : ""], ["Workflow", job.workflow && bdi(job.workflow)],
        ["Labels", bdi(job.labels.join(" "))], ["Queued", `at ${seconds(job.queued)}`],
        ["Waited", job.waited === null ? "" : seconds(job.waited)], ["Ran", job.ran === null ? "" : seconds(job.ran)],
        ["Machine", machine ? bdi(`${machine.id}, ${place(machine)}`) : ""], ["Off", job.off === null ? "" : `at ${seconds(job.off)}`],
        ["Cost", machine ? `${dollars(job.cost)}, estimated` : ""],
      ]),
      ...(rows.length ? [make("h4", "", "Phases"), make("ul", "pieces", ...rows)] : []),
      ...told({ id: job.id, job }),
    ];
  };
  const aboutMachine = (machine) => [
    make("h3", "", bdi(machine.id)),
    facts([
      ["Type", bdi(machine.type)], ["Zone", bdi(machine.zone)], ["Lifecycle", bdi(machine.lifecycle)], ["Price", price(machine)],
      ["Launched", `at ${seconds(machine.start)}`], ["Off", machine.end === null ? "still running" : `at ${seconds(machine.end)}`],
      ["Lived", seconds(machine.lived)], ["Cost", `${dollars(machine.cost)}, estimated`],
      ["Used by", bdi(machine.jobs.map((id) => title(jobs.get(id))).join(", ") || "nobody")],
    ]),
    ...told({ id: machine.id }),
  ];
  const aboutMark = (mark) => [
    make("h3", "", bdi(mark.text)),
    facts([["Mishap", `${mark.number}, at ${seconds(mark.at)}`], ["Befell", mark.subject && bdi(jobs.has(mark.subject) ? title(jobs.get(mark.subject)) : mark.subject)], ["Answer", make("span", mark.outcome, bdi(mark.answer || "nobody saw"))]]),
  ];
  const rest = () => {
    panel.classList.remove("open");
    panel.replaceChildren(make("p", "quiet", "Point at a lane, or move to it with the arrow keys, to read it here. Click or Enter pins it."));
  };
  const button = (text, action) => {
    const made = make("button", "", text);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  };
  const show = (subject, content) => {
    if (pinned && pinned !== subject) return;
    const top = make("div", "top", subject.job ? "Job" : subject.machine ? "Machine" : "Mishap");
    if (pinned) top.append(button("Unpin", release));
    panel.replaceChildren(top, ...content);
    panel.classList.add("open");
    panel.scrollTop = 0;
    for (const lane of lanes) lane.element.classList.toggle("related", Boolean(subject.others?.has(lane.id)) || Boolean(subject.subject && (subject.subject === lane.id || lane.job?.machine === subject.subject)));
  };
  const showLane = (lane) => show(lane, lane.job ? aboutJob(lane.job) : aboutMachine(lane.machine));
  const mark = (subject) => {
    for (const lane of lanes) lane.element.setAttribute("aria-selected", String(lane === subject));
  };
  const release = () => {
    pinned = null;
    mark(null);
    for (const lane of lanes) lane.element.classList.remove("related");
    rest();
  };
  const pin = (subject, content) => {
    if (pinned === subject) return release();
    pinned = subject;
    mark(subject);
    return show(subject, content);
  };
  const pinLane = (lane) => pin(lane, lane.job ? aboutJob(lane.job) : aboutMachine(lane.machine));

  // Pointer and keyboard

  const visible = () => lanes.filter((lane) => !lane.element.hidden);
  const stop = (lane) => lanes.forEach((each) => { each.element.tabIndex = each === lane ? 0 : -1; });
  const moves = { ArrowDown: (index) => index + 1, ArrowUp: (index) => index - 1, Home: () => 0, End: (_, last) => last };
  const press = (event, lane) => {
    const seen = visible();
    const move = moves[event.key];
    if (event.key === "Enter" || event.key === " ") pinLane(lane);
    else if (move) seen[Math.min(Math.max(move(seen.indexOf(lane), seen.length - 1), 0), seen.length - 1)].element.focus();
    else return;
    event.preventDefault();
  };
  for (const lane of lanes) {
    lane.element.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") showLane(lane); });
    lane.element.addEventListener("focus", () => { stop(lane); if (lane.element.matches(":focus-visible")) showLane(lane); });
    lane.element.addEventListener("click", () => pinLane(lane));
    lane.element.addEventListener("keydown", (event) => press(event, lane));
  }
  data.marks.forEach((each, index) => {
    badges[index].addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") show(each, aboutMark(each)); });
    badges[index].addEventListener("focus", () => { if (badges[index].matches(":focus-visible")) show(each, aboutMark(each)); });
    badges[index].addEventListener("click", () => pin(each, aboutMark(each)));
  });
  const filter = byId("filter");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") release();
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    }
  });

  // The filter

  const apply = () => {
    const terms = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const lane of lanes) lane.element.hidden = !terms.every((term) => lane.hay.includes(term));
    for (const group of list.children) group.hidden = !group.querySelector(".lane:not([hidden])");
    const shown = visible();
    const ids = new Set(shown.map((lane) => lane.id));
    document.querySelectorAll("tr[data-lane]").forEach((row) => { row.hidden = !ids.has(row.dataset.lane); });
    byId("nothing").hidden = shown.length > 0;
    const count = (what) => shown.filter((lane) => lane[what]).length;
    byId("count").textContent = terms.length ? `${count("job")} of ${jobs.size} jobs, ${count("machine")} of ${machines.size} machines` : "";
    if (shown.length && !shown.some((lane) => lane.element.tabIndex === 0)) stop(shown[0]);
  };
  filter.addEventListener("input", apply);

  byId("timeline").hidden = false;
  rest();
  apply();
  drawAxis();
  new ResizeObserver(drawAxis).observe(axis);
})();
