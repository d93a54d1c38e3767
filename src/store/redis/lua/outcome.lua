-- What follows from outcomes of receipts for lanes and batches; receipts that wait for lookups.
--
-- deferrals    ZSET: receipts that wait for lookups, by when they are due (also in r:<receipt> as
--              lookups, with tried: how often they were tried)
-- deferred     ZSET: those of them that may be given: no older place of their routes is held, nobody is
--              at work on them; marked ids

local outcome, deferral = {}, {}

local function field(...)
    return table.concat({...}, '\0')
end

-- Gives a receipt's lookups to whoever asks next, or does not.
function deferral.refresh(id)
    local member = receipt.mark(id)
    redis.call('ZREM', key('deferred'), member)
    local at = redis.call('ZSCORE', key('deferrals'), id)
    if not at or loan_runs('deferred', id) then return end
    for _, packed in ipairs(redis.call('HVALS', key('rh', id))) do
        if not cmsgpack.unpack(packed)[3] then return end
    end
    redis.call('ZADD', key('deferred'), at, member)
    call_all('e:deferred')
end

-- Puts lookups off until then (in the time of leases), or notes that none are needed any more (nil).
function deferral.set(id, at, tries)
    local before = redis.call('ZSCORE', key('deferrals'), id)
    if at then
        at = int(at)
        redis.call('ZADD', key('deferrals'), at, id)
        redis.call('HSET', key('r', id), 'lookups', at, 'tried', int(tries))
    elseif before then
        redis.call('ZREM', key('deferrals'), id)
        redis.call('HDEL', key('r', id), 'lookups', 'tried')
    end
    deferral.refresh(id)
    local change = (at and 1 or 0) - (before and 1 or 0)
    if change ~= 0 then count_receipt(id, {pending = change}) end
end

-- The place that a receipt holds is the first of its route.
function handlers.granted(m)
    local name, place = key('rh', m.receipt), field(m.event, m.route, m.to, m.lane)
    local packed = redis.call('HGET', name, place)
    if not packed then return end
    local part, n, is_first = unpack(cmsgpack.unpack(packed))
    if is_first then return end
    redis.call('HSET', name, place, cmsgpack.pack({part, n, true}))
    deferral.refresh(m.receipt)
end

-- Holds a place behind everything that is there, unless it is held.
local function hold(id, event, h)
    local name, place = key('rh', id), field(event, h.route, h.to, h.lane)
    if redis.call('HEXISTS', name, place) == 1 then return end
    redis.call('HSET', name, place, cmsgpack.pack({h.part, h.n}))
    send(h.part, 'hold', {
        from = HERE, receipt = id, event = event, route = h.route, to = h.to, lane = h.lane, place = h.n,
    })
end

-- Lets those go that are not held any more. `still`: fields of rh.
local function free(id, still)
    local flat, any = redis.call('HGETALL', key('rh', id)), false
    for i = 1, #flat, 2 do
        if not still[flat[i]] then
            local event, route, to, name = string.match(flat[i], '^([^%z]*)%z([^%z]*)%z([^%z]*)%z(.*)$')
            redis.call('HDEL', key('rh', id), flat[i])
            send(cmsgpack.unpack(flat[i + 1])[1], 'free', {
                from = HERE, receipt = id, event = event, route = route, to = to, lane = name,
            })
            any = true
        end
    end
    if any then call_all('e:deferred') end
end

-- Tells the batches of a group from those of others.
local function scope_of(g)
    local parts = {}
    for _, text in ipairs({g.route, g.by, g.key, g.group}) do
        parts[#parts + 1] = int(#text) .. ':' .. text
    end
    return redis.sha1hex(table.concat(parts))
end

-- Puts an event into the batch of its group; 1 if it is in one more batch than before. An event that
-- waits for this route already waits on, with what is known of it now. `about`: see `follow`.
local function gather(about, event, g, now)
    local id, scope = about.id, scope_of(g)
    local name, place = key('rm', id), field(event, g.route)
    local packed = redis.call('HGET', name, place)
    local known = packed and cmsgpack.unpack(packed)
    local waits = known and not known.became
    local message = {
        from = HERE, receipt = id, rn = about.n, event = event, en = about.places[event], now = now,
        at = due(now), scope = scope, content = blob(g.blob), size = g.size, batch = g.batch,
        route = g.route, by = g.by, key = g.key, group = g.group, quiet = g.quiet, max_wait = g.max_wait,
        max_events = g.max_events, max_bytes = g.max_bytes, alone = g.alone, own = about.own,
    }
    redis.call('HSET', name, place, cmsgpack.pack({part = g.part, scope = scope, join = g.batch}))
    if waits and known.part == g.part and known.scope == scope then
        send(g.part, 'renew', message)
        return 0
    end
    if waits then
        send(known.part, 'leave', {from = HERE, receipt = id, event = event, route = g.route})
    end
    send(g.part, 'gather', message)
    return waits and 0 or 1
end

-- A batch had been sealed by the time its event was to wait on in it: it waits in one more.
function handlers.rejoined(m)
    count_receipt(m.receipt, {pending = 1})
    rare.change_tally(m.receipt, m.event, function(t) t.gathered = t.gathered + 1 end)
end

-- Notes what became of the batch that an event waits in for a route; whether it still does in that one.
local function became(m, event, join)
    local name, place = key('rm', m.receipt), field(event, m.route)
    local packed = redis.call('HGET', name, place)
    local known = packed and cmsgpack.unpack(packed)
    if not known or known.join ~= join then return false end
    known.became, known.why, known.failure, known.batch = m.became, m.why, m.failure, m.batch
    redis.call('HSET', name, place, cmsgpack.pack(known))
    return true
end

-- A batch with these events is open no more: { receipt, events, joins (of rm, as the batch knows them),
-- route, became (sent | dropped | failed), why, failure (JSON), batch, at (its partition), deliveries (of
-- { id, part, n }), now }. What became of it counts for events that were not gathered anew meanwhile.
function handlers.sealed(m)
    local name, count, is_failed = key('r', m.receipt), #m.deliveries, false
    if redis.call('EXISTS', name) == 0 then return end
    for _, d in ipairs(m.deliveries) do
        redis.call('HSET', name, 'd:' .. d.id, cmsgpack.pack({d.part, m.route, d.n, m.batch, m.at}))
    end
    count_receipt(m.receipt, {deliveries = count, pending = count - #m.events, finished = m.now})
    for i, event in ipairs(m.events) do
        local counts = became(m, event, m.joins[i])
        rare.change_tally(m.receipt, event, function(t)
            t.gathered = t.gathered - 1
            t.pending = t.pending + count
            if counts and m.became == 'dropped' then t.filtered = t.filtered + 1 end
            if counts and m.became == 'failed' then t.failed = t.failed + 1 end
        end)
        is_failed = is_failed or counts and m.became == 'failed'
    end
    if is_failed then
        if redis.call('HGET', name, 'state') ~= 'failed' then
            receipt.judge(m.receipt, m.why)
            rare.shelve(m.receipt)
        end
        notice.failed(m.receipt, m.why, m.now)
    end
end

-- The place that was held for a delivery, or nil.
function rare.held_place(id, event, d)
    local packed = redis.call('HGET', key('rh', id), field(event, d.route, d.to, d.lane))
    return packed and cmsgpack.unpack(packed)[2]
end

-- Sends one delivery into its lane, to the place that was held for it if there is one.
local function deliver(about, event, d)
    local place = d.n
    if d.lane and about.may_hold then
        place = rare.held_place(about.id, event, d) or place
    end
    send(d.part, 'deliver', {
        goods = blob(d.blob),
        row = {
            id = d.id, n = int(d.n), place = place ~= d.n and int(place) or nil, receipt = about.id,
            event = event, from = int(HERE), rn = d.supersede and int(about.n) or nil,
            en = d.supersede and int(about.places[event]) or nil, route = d.route, to = d.to, lane = d.lane,
            created = int(d.created), due = int(due(d.created)), supersede = d.supersede and '1' or nil,
            own = about.own,
        },
    })
end

-- An outcome with what it was sent without, as there is none.
local function complete(o)
    o.held, o.gathered = o.held or {}, o.gathered or {}
    return o
end

-- The deliveries and held places of an outcome in the order of events and routes.
local function line_up(o)
    local line, next_held = {}, 1
    for i = 1, #o.deliveries + 1 do
        while o.held[next_held] and (i > #o.deliveries or o.held[next_held].before < i) do
            line[#line + 1] = o.held[next_held]
            next_held = next_held + 1
        end
        line[#line + 1] = o.deliveries[i]
    end
    return line
end

-- Gives a number to each of what was lined up.
local function number_all(line)
    for _, one in ipairs(line) do one.n = number() end
end

-- What a receipt knows of its deliveries, as fields and values.
local function add_known(flat, o)
    for _, d in ipairs(o.deliveries) do
        flat[#flat + 1] = 'd:' .. d.id
        flat[#flat + 1] = cmsgpack.pack({d.part, d.route, d.n})
    end
end

-- Sends what was lined up; its receipt knows and counts it. `about`: { id, n (its number), own (of the
-- gateway's own source), places (event -> its place), may_hold (places may have been held before) }.
local function follow(about, o, line)
    for _, one in ipairs(line) do
        local event = o.events[one.event].id
        if one.before then hold(about.id, event, one) else deliver(about, event, one) end
    end
end

-- What is told of the first event of an outcome.
local function headline(o)
    local first = o.events[1]
    return first and {type = first.type, kind = first.kind, name = first.name}
end

-- The correlations of an outcome and those that were known, each on a line; nil: none.
local function correlations(o, known)
    local all, list = {}, {}
    for text in string.gmatch((known or '') .. (o.correlations or ''), '[^\n]+') do all[text] = true end
    for text in pairs(all) do list[#list + 1] = text end
    return #list > 0 and table.concat(list, '\n') .. '\n' or nil
end

-- What became of gathered events whose verdicts an outcome keeps as they were.
local function standing(id, event)
    local dropped, failed, why = 0, 0, nil
    for _, route in ipairs(event.standing or {}) do
        local packed = redis.call('HGET', key('rm', id), field(event.id, route))
        local known = packed and cmsgpack.unpack(packed) or {}
        if known.became == 'dropped' then dropped = dropped + 1 end
        if known.became == 'failed' then
            failed, why = failed + 1, why or known.why
        end
    end
    return dropped, failed, why
end

-- An event that the outcome no longer has waits for no replay, unless all of it is a failure: then it
-- waits for one, also if it waited for lookups.
local function forget(id, event, is_failure)
    rare.change_tally(id, event, function(t)
        if is_failure then
            t.failed = t.failed + t.deferred
        else
            t.failed, t.filtered = 0, 0
        end
        t.deferred = 0
    end)
end

-- Replaces the outcome of a receipt, whose fields are these; why it counts as failed now (nil: it does not).
local function replace(row, o, now)
    local id = A.id
    local about = {
        id = id, n = num(row.n), own = row.source == A.own and '1' or nil, places = {}, may_hold = true,
    }
    local forgotten, known, fresh, flat, count = {}, {}, {}, {}, 0
    for event, values in pairs(receipt.events(id)) do
        forgotten[event], about.places[event], count = true, values[1], count + 1
    end
    local before = count
    for _, event in ipairs(o.events) do
        known[event.id] = forgotten[event.id]
        forgotten[event.id] = nil
        if not known[event.id] then
            count = count + 1
            about.places[event.id] = count
            fresh[#fresh + 1] = event
        end
    end
    local line = line_up(o)
    number_all(line)
    tally_add(flat, row.source, fresh, before + 1)
    add_known(flat, o)
    call_with('HSET', key('r', id), flat)
    local joined, joins = 0, {}
    for _, g in ipairs(o.gathered) do
        local event = o.events[g.event].id
        local more = gather(about, event, g, now)
        joins[event] = (joins[event] or 0) + more
        joined = joined + more
    end
    local reason = o.reason
    for _, event in ipairs(o.events) do
        if known[event.id] then
            local dropped, failed, why = standing(id, event)
            reason = reason or why
            rare.change_tally(id, event.id, function(t)
                t.pending = t.pending + event.deliveries
                t.gathered = t.gathered + (joins[event.id] or 0)
                t.failed, t.filtered = (event.failed or 0) + failed, (event.filtered or 0) + dropped
                t.deferred = event.deferred or 0
            end)
        end
    end
    for event in pairs(forgotten) do forget(id, event, o.is_failure) end
    count_receipt(id, {deliveries = #o.deliveries, pending = #o.deliveries + joined})
    follow(about, o, line)
    local still = {}
    for _, h in ipairs(o.held) do still[field(o.events[h.event].id, h.route, h.to, h.lane)] = true end
    free(id, still)
    redis.call('HSET', key('r', id), 'events', int(count))
    return reason
end

-- The delivery of an outcome that is known already, or nil.
local function known_delivery(id, o)
    for _, d in ipairs(o.deliveries) do
        if redis.call('HEXISTS', key('r', id), 'd:' .. d.id) == 1 then return d.id end
        if redis.call('EXISTS', key('d', d.id)) == 1 then return d.id end
    end
    return nil
end
